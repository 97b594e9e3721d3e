import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/core/json.js'
import type { Role } from '../../src/core/principal.js'
import { createExecutionsService } from '../../src/executions/service.js'
import { describeDatabase } from '../support/database.js'
import { dyingDatabase } from '../support/dying-database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { within } from '../support/pace.js'
import { ROOT } from '../support/paths.js'
import { playbook } from '../support/source.js'

/** Every n-th statement of a run is a moment of death; CRASH_STRIDE=1 tries them all. */
const STRIDE = Number(process.env['CRASH_STRIDE'] ?? 7)

const FORM = `{type: object, required: [approved], properties: {approved: {type: boolean}, note: {type: string, maxLength: 5}, size: {type: integer, default: 3}}}`

describeDatabase('a step that asks', (open) => {
  let engine: Engine
  /** Another service on the same database. */
  let other: Engine
  let executions: ReturnType<typeof createExecutionsService>
  beforeAll(async () => {
    const db = await open()
    engine = await openEngine(db, { keyRing: keyRingOf('one'), processId: '1' })
    other = await openEngine(db, { keyRing: keyRingOf('one'), bus: engine.bus, processId: '2' })
    executions = createExecutionsService({
      db,
      bus: engine.bus,
      variableFilter: () => ({ sql: 'true', parameters: [], isIndexed: false }),
    })
  })
  afterAll(async () => {
    await other.close()
    await engine.close()
  })

  const questions = async (executionId: string) => (await executions.waiting({ executionId, isAsking: true }, {})).items
  async function asked(executionId: string, count = 1) {
    await expect.poll(async () => (await questions(executionId)).length, { timeout: within(10_000) }).toBe(count)
    return questions(executionId)
  }
  const answer = (
    executionId: string,
    run: number,
    values: JsonValue,
    { by = 'api:ana', role = 'editor' as Role, at = engine } = {},
  ) => at.orchestrator.answer({ executionId, run, values: values as JsonObject, actor: by, role })
  const approval = (name: string, more = '', until = 'until: "{{ vars.approved is defined }}", ') =>
    playbook(
      name,
      `
- step: start
  vars: {amount: 12}
  next: [approval]
- step: approval
  wait: {${until}ask: {title: "Pay {{ vars.amount }}?", form: ${FORM}${more}}}
  vars: {seen: "{{ vars.approved }} {{ vars.size }}"}`,
    )

  test('is listed with its title and form, and ends in the transaction of the answer', async () => {
    const { id } = await engine.start(approval('approval'))
    const [question] = await asked(id)
    expect(question).toMatchObject({ executionId: id, path: 'test/approval', step: 'approval', run: 2 })
    expect(question?.wait).toMatchObject({
      until: '{{ vars.approved is defined }}',
      ask: { title: 'Pay 12?', roles: [], form: { required: ['approved'] }, answered: null },
    })
    await answer(id, 2, { approved: true, note: 'fine' })
    const execution = await engine.ended(id)
    expect(execution).toMatchObject({ status: 'completed', openWaits: 0 })
    // What the form has a default for is given by it.
    expect(await engine.variables.values(id)).toEqual({ amount: 12, approved: true, note: 'fine', size: 3, seen: 'True 3' })
    expect(await questions(id)).toEqual([])
    const changes = await engine.variables.history({ executionId: id, first: 50 })
    expect(
      changes.items
        .filter(({ actor }) => actor === 'api:ana')
        .map(({ name, revision, sourceStep }) => [name, revision, sourceStep]),
    ).toEqual([
      ['approved', 2, 'approval'],
      ['note', 2, 'approval'],
      ['size', 2, 'approval'],
    ])
    const events = await engine.db.rows<{ name: string; data: string | null }>(
      `SELECT name, data::text AS data FROM transient.event WHERE execution_id = $1::bigint AND run = 2 ORDER BY seq`,
      id,
    )
    expect(events.map(({ name }) => name)).toEqual([
      'step.started',
      'step.waiting',
      'step.answered',
      'step.matched',
      'step.completed',
    ])
    expect(JSON.parse(events[2]?.data ?? 'null')).toEqual({ actor: 'api:ana' })
  })

  test('two people at once: one wins, the other is told who did; so is whoever comes later', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { id } = await engine.start(approval('race'))
      await asked(id)
      const done = await Promise.allSettled([
        answer(id, 2, { approved: true }, { by: 'api:ana' }),
        answer(id, 2, { approved: false }, { by: 'api:bo', at: other }),
      ])
      expect(done.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      const { approved } = await engine.variables.values(id)
      const winner = approved === true ? 'api:ana' : 'api:bo'
      for (const one of done) {
        if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'CONFLICT', details: { answeredBy: winner } })
      }
      await expect(answer(id, 2, { approved: true }, { by: 'api:cy' })).rejects.toThrow(
        new RegExp(`^the wait of step "approval" \\(run 2\\) is over: ${winner} answered it at 2`),
      )
    }
  })

  test('refuses the wrong role, what does not fit the form, what was not asked, and runs that ask nobody', async () => {
    const { id } = await engine.start(approval('refused', ', roles: [author]'))
    await asked(id)
    await expect(answer(id, 2, { approved: true }, { role: 'editor' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: 'step "approval" asks author, or a role above: yours is editor',
    })
    await expect(answer(id, 2, { approved: 'yes', note: 'too long', amount: 1 }, { role: 'admin' })).rejects.toMatchObject({
      code: 'VALIDATION',
      details: {
        field: 'values',
        problems: [
          { path: '/amount', keyword: 'properties', message: 'is not asked for' },
          { path: '/approved', keyword: 'type', message: expect.any(String) },
          { path: '/note', keyword: 'maxLength', message: expect.any(String) },
        ],
      },
    })
    await expect(answer(id, 2, [], { role: 'admin' })).rejects.toMatchObject({ code: 'VALIDATION' })
    await expect(answer(id, 1, { approved: true }, { role: 'admin' })).rejects.toMatchObject({
      code: 'VALIDATION',
      message: 'run: step "start" asks nobody',
    })
    await expect(answer(id, 9, { approved: true }, { role: 'admin' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await engine.variables.values(id)).toEqual({ amount: 12 })
    await engine.orchestrator.cancel(id, null, 'api:test')
    await expect(answer(id, 2, { approved: true }, { role: 'author' })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'the wait of step "approval" (run 2) is over: it was cancelled',
    })
  })

  test('another write that fulfils the condition ends it, too; an answer that does not leaves it open', async () => {
    const source = approval('both', '', 'until: "{{ vars.approved == true }}", ')
    const { id } = await engine.start(source)
    await asked(id)
    await answer(id, 2, { approved: false })
    expect(await asked(id)).toMatchObject([{ wait: { ask: { answered: { by: 'api:ana' } } } }])
    await engine.variables.write({
      executionId: id,
      writes: [{ operation: 'set', name: 'approved', value: true, type: 'user_defined', sourceStep: null }],
      actor: 'api:program',
    })
    expect((await engine.ended(id)).status).toBe('completed')
  })

  test('without a condition it waits for an answer: each reaches its own iteration', async () => {
    const { id } = await engine.start(
      playbook(
        'each_asked',
        `
- step: start
  vars: {all: {}}
  next: [each]
- step: each
  type: iterator
  collection: [a, b, c]
  element: item
  mode: async
  task:
    wait: {timeout: 600, ask: {title: "What of {{ item }}?", form: {properties: {choice: {type: string}}, required: [choice]}}}
    vars: {all: "{{ dict(vars.all, **{item: vars.choice}) }}"}`,
      ),
    )
    const open = await asked(id, 3)
    expect(open.map(({ wait }) => wait.ask?.title)).toEqual(['What of a?', 'What of b?', 'What of c?'])
    const [a, b, c] = open.map(({ run }) => run)
    await answer(id, b ?? 0, { choice: 'two' })
    await answer(id, a ?? 0, { choice: 'one' })
    expect((await asked(id, 1))[0]?.run).toBe(c)
    await answer(id, c ?? 0, { choice: 'three' })
    expect((await engine.ended(id)).status).toBe('completed')
    expect((await engine.variables.values(id))['all']).toEqual({ a: 'one', b: 'two', c: 'three' })
  })

  test('again clears the answer of the time before', async () => {
    const source = (again: string) =>
      playbook(
        'again',
        `
- step: start
  vars: {approved: true, rounds: 0}
  next: [approval]
- step: approval
  wait: {until: "{{ vars.approved is defined }}", ask: {title: Again?, form: ${FORM}${again}}}
  vars: {rounds: "{{ vars.rounds + 1 }}"}
  next: [{when: "{{ vars.rounds < 2 }}", then: [approval]}]`,
      )
    expect((await engine.run(source(''))).vars).toMatchObject({ rounds: 2 })
    const { id } = await engine.start(source(', again: true'))
    for (const run of [2, 3]) {
      expect(await asked(id)).toMatchObject([{ run }])
      expect(await engine.variables.values(id)).not.toHaveProperty('approved')
      await answer(id, run, { approved: true })
    }
    expect((await engine.ended(id)).status).toBe('completed')
    expect(await engine.variables.values(id)).toMatchObject({ rounds: 2, approved: true })
  })

  test('nobody answers in time: TIMEOUT, routed like any failure', async () => {
    const { execution, vars } = await engine.run(
      playbook(
        'late',
        `
- step: ask
  wait: {timeout: 0.2, ask: {title: Well?, form: ${FORM}}}
  next: [{when: "{{ this.error.code == 'TIMEOUT' }}", then: [late]}]
- step: late
  vars: {why: "{{ ask.error.message }}"}`,
      ),
    )
    expect(execution.status).toBe('completed')
    expect(vars['why']).toMatch(/^step "ask": nobody answered within 0\.\d+ s$/)
    await expect(answer(execution.id, 1, { approved: true })).rejects.toThrow('is over: its time ran out')
  })

  test('schema and computed variables of the playbook hold for an answer; a sensitive one is masked', async () => {
    const { id } = await engine.start(
      playbook(
        'ruled',
        `\n- step: ask\n  wait: {ask: {title: Pin?, form: {properties: {pin: {type: string}, n: {type: integer}}}}}`,
        {
          more: 'sensitive: [pin]\nschema: {vars: {n: {maximum: 5}}}\ncomputed: {twice: "{{ vars.n * 2 }}"}',
        },
      ),
    )
    await asked(id)
    await expect(answer(id, 1, { n: 6 })).rejects.toMatchObject({ code: 'SCHEMA', details: { variable: 'n' } })
    await answer(id, 1, { pin: '1234', n: 4 })
    expect((await engine.ended(id)).status).toBe('completed')
    expect(await engine.variables.values(id)).toEqual({ pin: '********', n: 4, twice: 8 })
  })

  test('a title that reads something sensitive is masked', async () => {
    const { id } = await engine.start(
      playbook('secret_title', `\n- step: ask\n  wait: {ask: {title: "Pay {{ workload.key }}?", form: ${FORM}}}`, {
        workload: '{key: hush}',
        more: 'sensitive: [workload.key]',
      }),
    )
    expect((await asked(id))[0]?.wait.ask?.title).toBe('********')
    await engine.orchestrator.cancel(id, null, 'api:test')
  })

  test('the example of docs/waits.md runs', async () => {
    const page = readFileSync(join(ROOT, 'docs/waits.md'), 'utf8')
    const section = page.slice(page.indexOf('\n## Asking people'))
    const [, source = ''] = /```yaml\n([\s\S]*?)```/.exec(section) ?? []
    const { id } = await engine.start(source, { amount: 1200 })
    const [question] = await asked(id)
    expect(question?.wait.ask?.title).toBe('Pay 1200 EUR?')
    await answer(id, question?.run ?? 0, { approved: true })
    expect((await engine.ended(id)).status).toBe('completed')
    expect(await engine.variables.values(id)).toMatchObject({ approved: true, paid: true })
  })

  test('an answer is given once, whatever statement the process dies at', async () => {
    const source = approval('ask_crash')
    const { db } = engine
    const first = await engine.start(source)
    await asked(first.id)
    await engine.orchestrator.cancel(first.id, null, 'api:test')
    const runDyingAt = async (diesAt: number) => {
      const request = { path: 'test/ask_crash', workload: {}, idempotencyKey: `ask ${diesAt}` }
      const { id } = await engine.orchestrator.start(request)
      await asked(id)
      const dying = dyingDatabase(db, diesAt)
      const first = await openEngine(dying.db, { leaseMs: 1000 }).catch(() => null)
      if (first) await Promise.race([dying.died, answer(id, 2, { approved: true }, { at: first }).catch(() => null)])
      await answer(id, 2, { approved: true }).catch((error: unknown) => {
        if (!(error instanceof Error) || !error.message.includes('api:ana answered it')) throw error
      })
      const { status } = await engine.ended(id)
      await first?.close().catch(() => undefined)
      const [row] = await db.rows<{ answers: bigint; changes: bigint }>(
        `SELECT (SELECT count(*) FROM transient.event WHERE execution_id = $1::bigint AND name = 'step.answered') AS answers,
           (SELECT count(*) FROM noetl.transient_history WHERE execution_id = $1::bigint AND var_name = 'approved') AS changes`,
        id,
      )
      return { status, ...row, statements: dying.statements() }
    }
    const { statements } = await runDyingAt(Number.MAX_SAFE_INTEGER)
    for (let diesAt = 1 + (process.pid % STRIDE); diesAt <= statements; diesAt += STRIDE) {
      expect({ diesAt, ...(await runDyingAt(diesAt)), statements }).toEqual({
        ...{ diesAt, status: 'completed', answers: 1n, changes: 1n, statements },
      })
    }
  }, 300_000)
})
