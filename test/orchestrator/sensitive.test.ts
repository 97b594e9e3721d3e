import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCatalogService } from '../../src/catalog/service.js'
import type { JsonValue } from '../../src/core/json.js'
import type { Database } from '../../src/db/database.js'
import { createExecutionsService } from '../../src/executions/service.js'
import { findExecution } from '../../src/executions/store.js'
import { createPlayground } from '../../src/orchestrator/playground.js'
import { MASK } from '../../src/sealing/mask.js'
import { TOOLS } from '../../src/tools/index.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import { describeDatabase } from '../support/database.js'
import { dumpOf } from '../support/dump.js'
import { type Engine, type Finished, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { playbook } from '../support/source.js'

const SECRET = 'canary-7b2e91'

describeDatabase('sensitive values in playbooks', (open) => {
  let db: Database
  let engine: Engine
  beforeAll(async () => {
    db = await open()
    engine = await openEngine(db, { keyRing: keyRingOf('one') })
  })
  afterAll(() => engine.close())

  async function run(name: string, steps: string, workload: Record<string, JsonValue> = {}): Promise<Finished> {
    const source = playbook(name, steps, { more: 'sensitive: [token, workload.key]' })
    const finished = await engine.run(source, { key: SECRET, ...workload })
    expect(await dumpOf(db)).not.toContain(SECRET)
    return finished
  }

  const reveal = async ({ execution }: Finished, name: string) => (await engine.variables.reveal(execution.id, name))?.value

  test('a declared name is sealed from its first write on, as is the workload', async () => {
    const done = await run('declared', '\n- {step: start, vars: {token: "{{ workload.key }}", open: 1}}')
    expect(done.execution).toMatchObject({ status: 'completed', workload: { key: MASK }, payload: { key: MASK } })
    expect(done.vars).toEqual({ token: MASK, open: 1 })
    expect(await reveal(done, 'token')).toBe(SECRET)
  })

  test('what a template makes of it is sensitive, a test too, and nothing else', async () => {
    const vars = `token: "{{ workload.key }}", upper: "{{ vars.token | upper }}", size: "{{ token | length }}",
      is: "{{ vars.token == 'x' }}", all: "{{ vars | length }}", either: "{{ 1 if 1 else vars.token }}", chained: "{{ vars.upper[:3] }}",
      bound: "{% for token in [] %}{% endfor %}{{ token[:2] }}", plain: "{{ workload.other }}", named: "{{ job.path }}"`
    const done = await run('derived', `\n- step: start\n  vars: {${vars}}`, { other: 'seen' })
    expect(done.vars).toEqual({
      ...Object.fromEntries(['token', 'upper', 'size', 'is', 'all', 'either', 'chained', 'bound'].map((name) => [name, MASK])),
      ...{ plain: 'seen', named: 'test/derived' },
    })
    expect(await reveal(done, 'upper')).toBe(SECRET.toUpperCase())
    expect(await reveal(done, 'is')).toBe(false)
  })

  test('a step that was given it has a sensitive result, log and error, and so have the variables taken from it', async () => {
    const done = await run(
      'steps',
      `
- step: start
  tool: python
  args: {key: "{{ workload.key }}"}
  code: |
    def main(key):
      print('log', key)
      return {'twice': key * 2, 'n': 1}
  vars: {taken: "{{ result.n }}"}
  next: [{step: plain}]
- step: plain
  tool: python
  code: "def main(): return 7"
  vars: {seven: "{{ result }}", again: "{{ start.twice }}"}
  next: [{step: fails}]
- step: fails
  tool: python
  args: {key: "{{ results.start.twice }}"}
  retry: {max_attempts: 2, initial_delay: 0.01}
  code: |
    def main(key):
      raise ValueError(key)`,
    )
    expect(done.vars).toEqual({ taken: MASK, seven: 7, again: MASK })
    expect(done.steps.map(({ step, result }) => [step, result])).toEqual([
      ['start', MASK],
      ['plain', 7],
      ['fails', MASK],
    ])
    expect(done.execution.error).toEqual({ code: 'TOOL_FAILED', message: MASK, step: 'fails', attempt: 2 })
    expect(await reveal(done, 'again')).toBe(SECRET + SECRET)
  })

  test('a step that gives a sensitive variable its value has a sensitive result', async () => {
    const code = "def main(): return {'t': '-'.join(['canary', '7b2e91'])}"
    const steps = `\n- {step: start, tool: python, code: "${code}", vars: {token: "{{ result.t }}"}}`
    const done = await run('gives', steps)
    expect(done.steps[0]?.result).toBe(MASK)
    expect(await reveal(done, 'token')).toBe(SECRET)
  })

  test('iterations over it are sensitive, their results and what the iterator keeps', async () => {
    const done = await run(
      'loops',
      `
- step: start
  tool: iterator
  collection: "{{ [workload.key, workload.key ~ '2'] }}"
  element: item
  task:
    tool: python
    args: {item: "{{ item }}"}
    code: "def main(item): return item"
    vars: {last: "{{ result }}"}
  next: [{step: open}]
- step: open
  tool: iterator
  collection: [1, 2]
  element: n
  task: {tool: python, args: {n: "{{ n }}"}, code: "def main(n): return n"}
  vars: {list: "{{ result }}", first: "{{ start[0] }}"}`,
    )
    expect(done.vars).toMatchObject({ last: MASK, start_item: MASK, start_total: MASK, first: MASK, list: [1, 2], open_item: 2 })
    expect(await reveal(done, 'first')).toBe(SECRET)
    expect(done.steps.map(({ result }) => result)).toEqual([MASK, [1, 2]])
  })

  test('a child gets it as a sensitive workload key, and what it gives back is sensitive', async () => {
    const child =
      '\n- {step: start, vars: {copy: "{{ workload.secret }}", mine: "{{ workload.open }}"}, next: [{step: end}]}\n- {step: end, tool: python, args: {s: "{{ workload.secret }}"}, code: "def main(s): return s"}'
    await engine.run(playbook('child', child), { secret: 'x', open: 1 })
    const steps = `\n- {step: start, tool: playbook, path: test/child, args: {secret: "{{ workload.key }}", open: 2}, vars: {back: "{{ result }}"}}`
    const done = await run('parent', steps)
    expect(done.vars).toEqual({ back: MASK })
    expect(await reveal(done, 'back')).toBe(SECRET)
    const [inner] = await db.rows<{ id: bigint }>(
      'SELECT id FROM transient.execution WHERE parent_id = $1::bigint',
      done.execution.id,
    )
    expect(await engine.variables.values(String(inner?.id))).toEqual({ copy: MASK, mine: 2 })
  })

  test('routing by it goes the right way and leaves no evidence; its errors have no words', async () => {
    const done = await run(
      'routes',
      `
- step: start
  next:
  - when: "{{ workload.key == '${SECRET.slice(0, 6)}' ~ '${SECRET.slice(6)}' }}"
    then: [{step: right, args: {given: "{{ workload.key }}"}}]
- step: right
  vars: {got: "{{ given }}"}
  next: [{step: wrong}]
- step: wrong
  vars: {bad: "{{ workload.key.nothing }}"}`,
    )
    expect(done.vars).toEqual({ got: MASK })
    expect(await reveal(done, 'got')).toBe(SECRET)
    expect(done.execution.error).toMatchObject({
      code: 'TEMPLATE_UNDEFINED',
      step: 'wrong',
      message: expect.stringContaining(MASK),
    })
    const rows = await db.rows<{ data: string }>(
      `SELECT data::text AS data FROM transient.event WHERE execution_id = $1::bigint AND name = 'step.completed' ORDER BY seq LIMIT 1`,
      done.execution.id,
    )
    expect(JSON.parse(rows[0]?.data ?? '{}').routes).toMatchObject([{ outcome: MASK }])
  })

  test('a rerun goes on with it, still sealed', async () => {
    const steps = `
- {step: start, tool: python, args: {k: "{{ workload.key }}"}, code: "def main(k): return k", vars: {token: "{{ result }}"}, next: [{step: second, args: {a: "{{ token }}"}}]}
- {step: second, tool: python, args: {b: "{{ results.start }}"}, code: "def main(a, b): return a + b", vars: {both: "{{ result }}"}}`
    const first = await run('again', steps)
    const again = await engine.orchestrator.rerun({ id: first.execution.id, fromStep: 'second', actor: 'api:test' })
    expect(again).toMatchObject({ workload: { key: MASK } })
    const ended = await engine.ended(again.id)
    expect(ended.status).toBe('completed')
    expect(await engine.variables.values(again.id)).toEqual({ token: MASK, both: MASK })
    expect((await engine.variables.reveal(again.id, 'both'))?.value).toBe(SECRET + SECRET)
    expect(await dumpOf(db)).not.toContain(SECRET)
  })

  test('a worker outside gets the plain input for its task, and what it completes is sensitive', async () => {
    const source = playbook(
      'outside',
      '\n- {step: start, pool: remote, tool: python, args: {k: "{{ workload.key }}"}, code: "x", vars: {out: "{{ result }}"}}',
      { more: 'sensitive: [workload.key]' },
    )
    const started = await engine.start(source, { key: SECRET })
    const task = await engine.orchestrator.claim({ pool: 'remote', workerId: 'w', waitMs: 60_000 })
    expect(task?.input).toMatchObject({ args: { k: SECRET } })
    const ticket = { taskId: task?.id ?? '', attempt: 1, token: task?.token ?? '' }
    expect((await engine.orchestrator.heartbeat(ticket)).input).toMatchObject({ args: { k: SECRET } })
    expect(await dumpOf(db)).not.toContain(SECRET)
    await engine.orchestrator.complete({ ...ticket, result: `${SECRET}!`, log: SECRET })
    await engine.ended(started.id)
    expect(await engine.variables.values(started.id)).toEqual({ out: MASK })
    expect((await engine.variables.reveal(started.id, 'out'))?.value).toBe(`${SECRET}!`)
    expect(await dumpOf(db)).not.toContain(SECRET)
  })

  test('an idempotency key keeps the workload sealed, and still knows it', async () => {
    const source = playbook('once', '\n- step: start', { more: 'sensitive: [workload.key]' })
    await engine.run(source, { key: 'other' })
    const start = (key: string) => engine.orchestrator.start({ path: 'test/once', workload: { key }, idempotencyKey: 'k1' })
    const [first, second] = [await start(SECRET), await start(SECRET)]
    expect(second.id).toBe(first.id)
    await expect(start('another')).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await dumpOf(db)).not.toContain(SECRET)
  })

  test('the playground shows the mask, and does not even evaluate', async () => {
    const done = await run('played', '\n- {step: start, vars: {token: "{{ workload.key }}", open: 1}}')
    const executions = createExecutionsService({ db, bus: engine.bus, variableFilter: variableFilterSql })
    const { model } = createCatalogService({ db, tools: TOOLS, keyRing: keyRingOf('one') })
    const playground = createPlayground({ db, executions, variables: engine.variables, model, env: {} })
    const render = (template: string) => playground.render({ template, context: {}, executionId: done.execution.id, asOf: null })
    expect(await render('{{ vars.token }}')).toEqual({ value: MASK, error: null })
    expect(await render("{{ 1 / 0 if vars.token[0] == 'c' else 1 }}")).toEqual({ value: MASK, error: null })
    expect(await render('{{ workload.key | length }}')).toEqual({ value: MASK, error: null })
    expect(await render('{{ vars.open }}')).toEqual({ value: 1, error: null })
    expect(await render('{{ vars.token')).toMatchObject({ value: null, error: { code: 'TEMPLATE_ERROR' } })
  })

  test('a step that needs a key which a process lacks is left to one that has it, and all else goes on', async () => {
    const steps = `
- {step: start, vars: {token: 1, open: 2}, next: [{step: hold}]}
- {step: hold, pool: held, tool: python, code: "x", vars: {still: "{{ vars.open }}"}, next: [{step: read}]}
- {step: read, vars: {x: "{{ vars.token }}"}}`
    const started = await engine.start(playbook('lost', steps, { more: 'sensitive: [token]' }))
    const other = await openEngine(db, { keyRing: keyRingOf('two'), processId: 'other' })
    const task = await other.orchestrator.claim({ pool: 'held', workerId: 'w', waitMs: 60_000 })
    await other.orchestrator.complete({ taskId: task?.id ?? '', attempt: 1, token: task?.token ?? '', result: 1 })
    expect((await engine.ended(started.id)).error).toBeNull()
    expect(await engine.variables.values(started.id)).toEqual({ token: MASK, open: 2, still: 2, x: MASK })
    const rerun = other.orchestrator.rerun({ id: started.id, fromStep: 'read', actor: 'api:test' })
    await expect(rerun).rejects.toMatchObject({ code: 'INTERNAL', details: { keyId: 'one' } })
    await other.close()
  })

  const NEEDS: Readonly<Record<string, string>> = {
    'its input': '\n- {step: needy, tool: {kind: python, code: "result = 1", args: {a: "{{ vars.token }}"}}}',
    'its vars': '\n- {step: needy, tool: {kind: python, code: "result = 1"}, vars: {total: "{{ vars.token }}"}}',
    'its routing':
      '\n- {step: needy, tool: {kind: python, code: "result = 1"}, vars: {total: "{{ result }}"}, next: [{when: "{{ vars.token }}", then: [end]}]}',
    'a variable that it writes': '\n- {step: needy, tool: {kind: python, code: "result = 1"}, vars: {token: "{{ result }}"}}',
    'its workload': '\n- {step: needy, vars: {total: "{{ workload.key }}"}}',
    'its loop':
      '\n- {step: needy, loop: {in: ["{{ vars.token }}"], iterator: x}, tool: {kind: python, code: "result = 1"}, vars: {total: 1}}',
    'its child': '\n- {step: needy, tool: {kind: playbook, path: test/child, args: {a: "{{ vars.token }}"}}, vars: {total: 1}}',
  }

  test.each(Object.entries(NEEDS))(
    'without the key of %s nothing is run, failed or written; with it the execution goes on',
    async (name, step) => {
      await engine.run(playbook('child', '\n- {step: start}'))
      const pool = `none${name.replaceAll(' ', '')}`
      const wait = `\n- {step: start, pool: ${pool}, tool: {kind: python, code: "x"}, vars: {total: 7}, next: [{step: needy}]}`
      const started = await engine.start(
        playbook(`needs${name.replaceAll(' ', '')}`, wait + step, { more: 'sensitive: [token, workload.key]' }),
        { key: SECRET },
      )
      await engine.variables.write({
        executionId: started.id,
        writes: [{ operation: 'set', name: 'token', value: 'secret', type: 'user_defined', sourceStep: null }],
        actor: 'api:test',
      })
      const task = await engine.orchestrator.claim({ pool, workerId: 'w', waitMs: 15_000 })
      const taken = { taskId: task?.id ?? '', attempt: 1, token: task?.token ?? '' }
      await engine.close()
      const keyless = await openEngine(db, { processId: `keyless${pool}` })
      const report = () => keyless.orchestrator.complete({ ...taken, result: 1 })
      // What it knows of the execution is what it needs: a server that lacks the key of what it was given refuses, and another may take it.
      await report().catch((error: unknown) => expect(error).toMatchObject({ code: 'OVERLOADED' }))
      await sleep(2500)
      const execution = await findExecution(db, started.id)
      expect(execution).toMatchObject({ status: 'running', error: null })
      expect((await keyless.variables.values(started.id))['total'] ?? 7).toBe(7)
      const runs = await db.rows<{ status: string }>(
        "SELECT status FROM transient.step_run WHERE execution_id = $1::bigint AND step = 'needy'",
        started.id,
      )
      expect(
        runs.filter(({ status }) => status !== 'pending'),
        'its tool did not even begin',
      ).toEqual([])
      await keyless.close()
      engine = await openEngine(db, { keyRing: keyRingOf('one') })
      await engine.orchestrator.complete({ ...taken, result: 1 }).catch(() => undefined)
      expect((await engine.ended(started.id)).status).toBe('completed')
    },
    60_000,
  )

  test('a server without keys refuses to start such a playbook', async () => {
    const keyless = await openEngine(db, { processId: 'keyless' })
    const source = playbook('refused', '\n- {step: start, vars: {token: 1}}', { more: 'sensitive: [token]' })
    const refused = { message: expect.stringContaining('ENCRYPTION_KEYS') }
    await expect(keyless.run(source)).rejects.toMatchObject({ code: 'PLAYBOOK_INVALID', ...refused })
    await engine.run(source)
    const start = keyless.orchestrator.start({ path: 'test/refused' })
    await expect(start).rejects.toMatchObject({ code: 'VALIDATION', ...refused })
    await keyless.close()
  })
})
