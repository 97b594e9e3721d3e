import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/core/json.js'
import { spaceIdOf } from '../../src/core/space.js'
import { createGlobalsService, type GlobalsService } from '../../src/variables/spaces/globals.js'
import { describeDatabase } from '../support/database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { playbook, python } from '../support/source.js'

describeDatabase('globals', (open) => {
  let engine: Engine
  let globals: GlobalsService
  beforeAll(async () => {
    engine = await openEngine(await open(), { keyRing: keyRingOf('one') })
    globals = createGlobalsService({ db: engine.db, variables: engine.variables })
  })
  afterAll(() => engine.close())

  let spaces = 0
  const newSpace = (): string => {
    spaces += 1
    return `test/s${spaces}`
  }

  const set = (space: string, values: JsonObject, isSensitive = false) =>
    globals.write({
      space,
      writes: Object.entries(values).map(([name, value]) => ({
        ...({ operation: 'set', name, value, type: 'user_defined', sourceStep: null } as const),
        ...(isSensitive ? { isSensitive } : {}),
      })),
      actor: 'api:test',
    })

  const valuesOf = async (space: string) =>
    Object.fromEntries((await globals.all(space)).variables.map(({ name, value }) => [name, value]))

  const source = (space: string, workflow: string) => playbook('globals', workflow, { more: `globals: ${space}` })

  async function eventsOf(id: string): Promise<{ name: string; step: string; data: JsonObject | null }[]> {
    const rows = await engine.db.rows<{ name: string; step: string; data: string | null }>(
      'SELECT name, step, data::text AS data FROM transient.event WHERE execution_id = $1::bigint ORDER BY seq',
      id,
    )
    return rows.map((row) => ({ ...row, data: JSON.parse(row.data ?? 'null') as JsonObject | null }))
  }

  test('are read in every template of a step, and only as globals.<name>', async () => {
    const space = newSpace()
    await set(space, { rate: 2, list: [1, 2, 3], go: true, wait: 5 })
    const { execution, vars } = await engine.run(
      source(
        space,
        `
- step: start
  when: "{{ globals.go }}"
  tool: {kind: python, args: {rate: "{{ globals.rate }}"}, code: "def main(rate): return rate * 10"}
  timeout: "{{ globals.wait }}"
  vars: {scaled: "{{ result }}", sum: "{{ globals.rate + vars.scaled }}", is_bare: "{{ rate is defined }}", none: "{{ globals.none is defined }}"}
  next: [{when: "{{ globals.rate == 2 }}", then: [{step: each, args: {by: "{{ globals.rate }}"}}]}]
- step: each
  type: iterator
  collection: "{{ globals.list }}"
  element: x
  where: "{{ x >= globals.rate }}"
  task: {tool: {kind: python, args: {x: "{{ x * globals.rate * by }}"}, code: "def main(x): return x"}}
  vars: {all: "{{ result }}", whole: "{{ globals }}"}`,
      ),
    )
    expect(execution).toMatchObject({ status: 'completed' })
    expect(vars).toMatchObject({ scaled: 20, sum: 22, is_bare: false, none: false, all: [8, 12] })
    expect(vars['whole']).toEqual({ rate: 2, list: [1, 2, 3], go: true, wait: 5 })
  })

  test('come from the space "global" where the playbook names none', async () => {
    await set('global', { greeting: 'hello' })
    const { vars } = await engine.run(playbook('globals', '\n- {step: start, vars: {a: "{{ globals.greeting }}"}}'))
    expect(vars).toEqual({ a: 'hello' })
  })

  test('a name that is not there fails the step, with the nearest that is', async () => {
    const space = newSpace()
    await set(space, { limit: 1 })
    const { execution } = await engine.run(source(space, '\n- {step: start, vars: {a: "{{ globals.limits }}"}}'))
    expect(execution.error).toMatchObject({ code: 'TEMPLATE_UNDEFINED', step: 'start' })
    expect(execution.error?.message).toContain('limit')
  })

  test('steps set, increment, append and delete, in the transaction that completes them', async () => {
    const space = newSpace()
    await set(space, { gone: 1, total: 5, log: ['a'] })
    const { execution, vars } = await engine.run(
      source(
        space,
        `
- step: start
  tool: ${python('return {"n": 7}')}
  vars: {n: "{{ result.n }}"}
  globals:
    set: {last: "{{ vars.n }}", at: {n: "{{ result.n }}"}}
    increment: {total: "{{ result.n }}", fresh: 0.5}
    append: {log: "{{ vars.n }}", begun: {by: start}}
    delete: [gone, never]
  next: [after]
- step: after
  vars: {seen: "{{ globals.last }}", total: "{{ globals.total }}"}
  globals: {increment: {total: 1}}
  next: [last]
- step: last
  tool: {kind: python, args: {total: "{{ globals.total }}"}, code: "def main(total): return total"}
  vars: {final: "{{ result }}"}`,
      ),
    )
    expect(execution.status).toBe('completed')
    expect(vars).toMatchObject({ n: 7, seen: 7, total: 12, final: 13 })
    expect(await valuesOf(space)).toEqual({
      total: 13,
      log: ['a', 7],
      last: 7,
      at: { n: 7 },
      fresh: 0.5,
      begun: [{ by: 'start' }],
    })
    const { items } = await globals.history({ space })
    expect(
      items.slice(3).map(({ revision, name, operation, actor, sourceStep }) => [revision, name, operation, actor, sourceStep]),
    ).toEqual([
      [2, 'last', 'set', 'step:start', 'start'],
      [2, 'at', 'set', 'step:start', 'start'],
      [2, 'total', 'set', 'step:start', 'start'],
      [2, 'fresh', 'set', 'step:start', 'start'],
      [2, 'log', 'set', 'step:start', 'start'],
      [2, 'begun', 'set', 'step:start', 'start'],
      [2, 'gone', 'delete', 'step:start', null],
      [3, 'total', 'set', 'step:after', 'after'],
    ])
  })

  test('a set with a ttl is one that ends', async () => {
    const space = newSpace()
    await engine.run(
      source(
        space,
        '\n- {step: start, vars: {t: 60}, globals: {set: {a: {value: {n: 1}, ttl: "{{ vars.t }}"}, b: {value: 1, ttl: 5, more: 1}}}}',
      ),
    )
    expect(await valuesOf(space)).toEqual({ a: { n: 1 }, b: { value: 1, ttl: 5, more: 1 } })
    const rows = await engine.db.rows<{ name: string; seconds: number }>(
      `SELECT var_name AS name, round(extract(epoch FROM expires_at - now()))::int AS seconds FROM transient.expiry WHERE execution_id = $1::bigint`,
      spaceIdOf(space),
    )
    expect(rows).toEqual([{ name: 'a', seconds: 60 }])
    const failed = await engine.run(source(space, '\n- {step: start, globals: {set: {a: {value: 1, ttl: "{{ 0 }}"}}}}'))
    expect(failed.execution.error).toMatchObject({ code: 'TEMPLATE_ERROR' })
  })

  test('the events say which revision of the space the templates saw', async () => {
    const space = newSpace()
    await set(space, { a: 1 })
    const { execution } = await engine.run(
      source(
        space,
        `
- step: start
  tool: {kind: python, args: {a: "{{ globals.a }}"}, code: "def main(a): return a"}
  globals: {increment: {a: 1}}
  next: [quiet]
- step: quiet
  next: [after]
- step: after
  vars: {a: "{{ globals.a }}"}`,
      ),
    )
    const seen = (await eventsOf(execution.id)).map(({ name, step, data }) => [step, name, data?.['globals'] ?? null])
    const at = (revision: number) => ({ space, revision })
    expect(seen).toEqual([
      [null, 'execution.started', null],
      ['start', 'step.started', at(1)],
      ['start', 'step.completed', at(1)],
      ['quiet', 'step.started', null],
      ['quiet', 'step.completed', null],
      ['after', 'step.started', at(2)],
      ['after', 'step.completed', at(2)],
      [null, 'execution.completed', null],
    ])
  })

  test('an iterator’s task writes for each iteration, its step once', async () => {
    const space = newSpace()
    const { execution } = await engine.run(
      source(
        space,
        `
- step: start
  type: iterator
  collection: "{{ range(20) | list }}"
  element: x
  mode: async
  concurrency: 8
  task:
    tool: ${python('return 1')}
    globals: {increment: {iterations: 1, sum: "{{ x }}"}}
  globals: {increment: {steps: 1}, set: {stats: "{{ this.stats }}"}}`,
      ),
    )
    expect(execution.status).toBe('completed')
    expect(await valuesOf(space)).toEqual({ iterations: 20, sum: 190, steps: 1, stats: { total: 20, success: 20, failed: 0 } })
  })

  describe('nothing of it happens', () => {
    const FAILING: readonly (readonly [string, string])[] = [
      ['when the tool fails', `tool: ${python('raise ValueError("no")')}\n  globals: {increment: {n: 1}}`],
      ['when vars fail', 'vars: {a: "{{ nothing }}"}\n  globals: {increment: {n: 1}}'],
      ['when a condition of next fails', 'globals: {increment: {n: 1}}\n  next: [{when: "{{ 1 / 0 }}", then: [other]}]'],
      ['when one of the operations cannot be evaluated', 'globals: {increment: {n: 1}, set: {a: "{{ nothing }}"}}'],
      ['when one of them is refused', 'globals: {increment: {n: 1, text: 1}}'],
      [
        'when one of them is refused, and vars were not',
        `tool: ${python('return 1')}\n  vars: {v: 1}\n  globals: {increment: {text: 1}}`,
      ],
      ['when an append finds no list', 'globals: {increment: {n: 1}, append: {text: 1}}'],
      ['when a value is too large', 'vars: {v: 1}\n  globals: {increment: {n: 1}, set: {a: "{{ \'x\' * 300000 }}"}}'],
      ['when increment is given a text', 'globals: {increment: {n: "{{ \'1\' }}"}}'],
      ['when the variables of the execution are refused', 'vars: {v: "{{ \'x\' * 300000 }}"}\n  globals: {increment: {n: 1}}'],
    ]
    test.each(FAILING)('%s', async (_what, step) => {
      const space = newSpace()
      await set(space, { text: 'a' })
      const { execution, vars } = await engine.run(source(space, `\n- step: start\n  ${step}\n- step: other`))
      expect(execution).toMatchObject({ status: 'failed', error: { step: 'start' } })
      expect(vars).toEqual({})
      expect(await globals.all(space)).toMatchObject({ revision: 1, variables: [{ name: 'text', value: 'a' }] })
    })

    test('of a failed iteration, while the others count', async () => {
      const space = newSpace()
      await engine.run(
        source(
          space,
          `
- step: start
  type: iterator
  collection: [1, 0, 2]
  element: x
  task: {tool: {kind: python, args: {x: "{{ x }}"}, code: "def main(x): return 1 / x"}, globals: {increment: {n: 1}}}`,
        ),
      )
      expect(await valuesOf(space)).toEqual({ n: 2 })
    })

    test('and no space is made, when the only write is refused', async () => {
      const space = newSpace()
      await engine.run(source(space, '\n- {step: start, globals: {set: {a: "{{ \'x\' * 300000 }}"}}}'))
      expect(await globals.space(space)).toBeNull()
    })
  })

  test('templates of one transaction see one revision, whatever is written meanwhile', async () => {
    const space = newSpace()
    await set(space, { a: 0, b: 0 })
    let isOver = false
    const writing = (async () => {
      for (let n = 1; !isOver; n += 1) await set(space, { a: n, b: n })
    })()
    const { execution, vars } = await engine.run(
      source(
        space,
        `
- step: start
  type: iterator
  collection: "{{ range(60) | list }}"
  element: x
  mode: async
  task:
    tool: {kind: python, args: {d: "{{ globals.a - globals.b }}"}, code: "def main(d): return d"}
    vars: {torn: "{{ (vars.torn | default(0)) + (0 if globals.a == globals.b and result == 0 else 1) }}"}`,
      ),
    )
    isOver = true
    await writing
    expect(execution.status).toBe('completed')
    expect(vars['torn']).toBe(0)
  })

  test('what is sensitive in the space stays so in all that is made of it', async () => {
    const space = newSpace()
    await set(space, { token: 'hidden-token', plain: 1 }, true)
    const { execution, vars } = await engine.run(
      source(
        space,
        `
- step: start
  tool: {kind: python, args: {t: "{{ globals.token }}"}, code: "def main(t): return t + '!'"}
  vars: {kept: "{{ globals.token }}"}
  globals: {set: {copy: "{{ result }}", open: 1}, append: {tokens: "{{ vars.kept }}"}}
  next: [again]
- step: again
  globals: {append: {tokens: plain}}`,
      ),
    )
    expect(execution.status).toBe('completed')
    expect(vars).toEqual({ kept: '********' })
    expect(await valuesOf(space)).toMatchObject({ copy: '********', tokens: '********', open: 1 })
    expect((await globals.reveal(space, 'copy'))?.value).toBe('hidden-token!')
    expect((await globals.reveal(space, 'tokens'))?.value).toEqual(['hidden-token', 'plain'])
    const dump = await engine.db.rows<{ text: string }>(
      `SELECT e::text AS text FROM transient.event e UNION ALL SELECT s::text FROM transient.step_run s UNION ALL SELECT t::text FROM noetl.transient t
       UNION ALL SELECT h::text FROM noetl.transient_history h UNION ALL SELECT k::text FROM transient.task k`,
    )
    expect(dump.filter(({ text }) => text.includes('hidden-token'))).toEqual([])
    const failed = await engine.run(source(space, '\n- {step: start, globals: {increment: {n: "{{ globals.plain }}"}}}'))
    expect(failed.execution.error?.message).toContain('sensitive')
  })

  test('an execution that is run again reads the space as it is now, and writes again', async () => {
    const space = newSpace()
    const first = await engine.run(
      source(space, '\n- {step: start, globals: {increment: {n: 1}}, next: [b]}\n- {step: b, vars: {n: "{{ globals.n }}"}}'),
    )
    expect(first.vars).toEqual({ n: 1 })
    const again = await engine.orchestrator.rerun({ id: first.execution.id, fromStep: 'start', actor: 'api:test' } as never)
    await engine.ended(again.id)
    expect(await engine.variables.values(again.id)).toEqual({ n: 2 })
  })

  test('two executions and two spaces, written crosswise by steps and callers, never wait for each other', async () => {
    const [one, two] = [newSpace(), newSpace()]
    const second = await openEngine(engine.db, { bus: engine.bus, keyRing: keyRingOf('one'), processId: 'second' })
    const loop = (space: string, task: string) =>
      source(
        space,
        `
- step: start
  type: iterator
  collection: "{{ range(40) | list }}"
  element: x
  mode: async
  concurrency: 8
  task: {tool: ${python('return 1')}, vars: {n: "{{ (vars.n | default(0)) + 1 }}"}, globals: {increment: {${task}}}}`,
      ).replace('name: globals, path: test/globals', `name: g, path: ${space}`)
    // All started by one, as both mint the same ids; who runs what is up to the bus.
    const tasks = ['a: 1, b: 1', 'b: 1, a: 1']
    const started = await Promise.all(
      [0, 1, 2, 3].map((index) => engine.start(loop(index % 2 === 0 ? one : two, tasks[index >> 1] ?? ''))),
    )
    const ids = started.map(({ id }) => id)
    const writing = Array.from({ length: 40 }, async (_, n) => {
      const space = n % 2 === 0 ? one : two
      const writes = ['b', 'a'].map((name) => ({ operation: 'increment', name, by: '1', sourceStep: null }) as const)
      await globals.write({ space, writes, actor: 'api:test' })
      await engine.variables.write({
        executionId: ids[n % 4] ?? '',
        writes: [{ operation: 'increment', name: 'm', by: '1', sourceStep: null }],
        actor: 'api:test',
      })
    })
    await Promise.allSettled(writing)
    for (const id of ids) expect(await engine.ended(id)).toMatchObject({ status: 'completed' })
    for (const space of [one, two]) expect(await valuesOf(space)).toEqual({ a: 100, b: 100 })
    const [deadlocks] = await engine.db.rows<{ count: bigint }>(
      'SELECT deadlocks AS count FROM pg_stat_database WHERE datname = current_database()',
    )
    expect(Number(deadlocks?.count)).toBe(0)
    await second.orchestrator.drain()
  })
})
