import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MASK } from '../../src/sealing/mask.js'
import { createToolbox, type Toolbox } from '../../src/tools/index.js'
import { createEmptyDatabase, openTestDatabase } from '../support/database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { playbook } from '../support/source.js'

describe('postgres steps of an execution', () => {
  let engine: Engine
  let toolbox: Toolbox
  let drop: () => Promise<void>
  beforeAll(async () => {
    const created = await createEmptyDatabase()
    drop = created.drop
    toolbox = createToolbox({
      connections: new Map([['default', created.url]]),
      credentials: new Map(),
      pythonPath: 'python3',
      pythonSandbox: 'off',
      hasPythonNetwork: true,
      pythonMemoryMib: 1024,
      allowHosts: [],
      isLoopbackOpen: true,
      ownPort: null,
    })
    engine = await openEngine(await openTestDatabase(), { toolbox, keyRing: keyRingOf('one') })
  })
  afterAll(async () => {
    await engine.close()
    await toolbox.close()
    await engine.db.close()
    await drop()
  })

  test('the error tells a serialization failure from a wrong query, in retry, vars, routing and events', async () => {
    const serialization = "do $$ begin raise exception 'ser' using errcode = '40001', hint = 'try again'; end $$"
    const retried = (query: string) =>
      playbook(
        'sqlstate',
        `
- step: s
  tool: postgres
  query: ${JSON.stringify(query)}
  retry: {max_attempts: 3, initial_delay: 0.01, when: "{{ this.error.sqlstate == '40001' }}"}
  next:
  - {when: "{{ this.error.sqlstate == '40001' }}", then: [again]}
  - {when: "{{ error.line == 2 }}", then: [wrong]}
- step: again
  vars: {e: "{{ s.error }}", hint: "{{ s.error.hint }}"}
- step: wrong
  vars: {e: "{{ s.error }}"}`,
      )
    const first = await engine.run(retried(serialization))
    expect(first.steps).toMatchObject([{ step: 's', attempts: 3 }, { step: 'again' }])
    expect(first.vars).toMatchObject({ e: { code: 'TOOL_FAILED', sqlstate: '40001', hint: 'try again' }, hint: 'try again' })
    const second = await engine.run(retried('select 1\n  form nowhere where'))
    expect(second.steps).toMatchObject([{ step: 's', attempts: 1 }, { step: 'wrong' }])
    expect(second.vars['e']).toMatchObject({ sqlstate: '42601', line: 2, column: expect.any(Number) })
    const events = await engine.db.rows<{ data: string }>(
      `SELECT data::text AS data FROM transient.event WHERE execution_id = $1::bigint AND name = 'step.failed'`,
      first.execution.id,
    )
    expect(JSON.parse(events[0]?.data ?? '')).toMatchObject({ error: { code: 'TOOL_FAILED', sqlstate: '40001' } })
  })

  test('what the database says of something sensitive is hidden wherever it is shown', async () => {
    const secret = 'canary-41c0de'
    const query = "create temp table k (v text unique); insert into k values ('{{ workload.key }}'), ('{{ workload.key }}')"
    const { vars, execution } = await engine.run(
      playbook(
        'hidden',
        `\n- step: s\n  tool: {kind: postgres, query: ${JSON.stringify(query)}}
  next: [{when: "{{ this.error.sqlstate == '23505' and 'canary' in this.error.detail }}", then: [r]}]\n- step: r\n  vars: {e: "{{ s.error }}"}`,
        { workload: `{key: ${secret}}`, more: 'sensitive: [workload.key]' },
      ),
    )
    expect(execution.status).toBe('completed')
    expect(vars).toEqual({ e: MASK })
    const shown = await engine.db.rows<{ data: string }>(
      `SELECT row_to_json(e)::text AS data FROM transient.event e WHERE execution_id = $1::bigint
       UNION ALL SELECT row_to_json(r)::text FROM transient.step_run r WHERE execution_id = $1::bigint`,
      execution.id,
    )
    expect(shown.length).toBeGreaterThan(3)
    expect(shown.map(({ data }) => data).join()).not.toContain(secret)
    expect(shown.map(({ data }) => data).join()).not.toContain('k_v_key')
  })

  test('what a step says while it runs is its log', async () => {
    const query = "do $$ begin raise notice '40 of 100 done'; end $$; select 1 as a"
    const { execution } = await engine.run(
      playbook('notices', `\n- step: s\n  tool: {kind: postgres, query: ${JSON.stringify(query)}}`),
    )
    const rows = await engine.db.rows<{ log: string }>(
      'SELECT log FROM transient.step_run WHERE execution_id = $1::bigint',
      execution.id,
    )
    expect(rows).toEqual([{ log: 'NOTICE: 40 of 100 done\n' }])
  })

  test('the rows are found by every name that NoETL gives them', async () => {
    const { vars, execution } = await engine.run(
      playbook(
        'commands',
        `
- step: start
  tool: {kind: postgres, command: "select 7 as user_id"}
  vars:
    a: "{{ result.command_0.rows[0].user_id }}"
    b: "{{ result.data.command_0.rows[0].user_id }}"
    c: "{{ this.data.command_0.rows[0].user_id }}"
    d: "{{ this.data[0].user_id }}"
    whole: "{{ this.data }}"
    kept: "{{ this.status }}"
  next: s2
- step: s2
  vars:
    e: "{{ start.data.command_0.rows[0].user_id }}"
    f: "{{ results.start.data.command_0.rows[0]['user_id'] }}"
    g: "{{ start['data']['command_0'].row_count }}"
    h: "{{ start.command_0.rows }}"
    i: "{{ start.data }}"
    j: "{{ start.data | length }}"`,
      ),
    )
    expect(execution.error).toBeNull()
    const rows = [{ user_id: 7 }]
    expect(vars).toEqual({ a: 7, b: 7, c: 7, d: 7, whole: rows, kept: 'success', e: 7, f: 7, g: 1, h: rows, i: rows, j: 1 })
  })

  test('several statements: the last gives the value, and `commands` has what each gave', async () => {
    const { vars, execution } = await engine.run(
      playbook(
        'several',
        `
- step: start
  tool: {kind: postgres, command: "select 1 as a; select 2 as b union all select 3; select 4 as c where false"}
  vars:
    rows: "{{ result }}"
    first: "{{ this.commands.command_0.rows }}"
    row_count: "{{ this.commands.command_1.row_count }}"
  next: s2
- step: s2
  vars: {second: "{{ start.commands.command_1.rows }}", none: "{{ start.commands.command_2.rows }}", count: "{{ start.commands | length }}"}`,
      ),
    )
    expect(execution.error).toBeNull()
    expect(vars).toEqual({ rows: [], first: [{ a: 1 }], row_count: 2, second: [{ b: 2 }, { b: 3 }], none: [], count: 3 })
  })

  test("NoETL's present form: a program is given every statement's rows", async () => {
    const { vars, execution } = await engine.run(
      playbook(
        'today_commands',
        `
- step: load
  tool: {kind: postgres, command: "select 1 as a; select 2 as b"}
  next: {arcs: [{step: read}]}
- step: read
  tool:
    kind: python
    input: {given: "{{ load }}"}
    code: result = [given["command_0"]["rows"][0]["a"], given["command_1"]["rows"][0]["b"], given["row_count"], sorted(given)]
  set: {ctx.got: "{{ output.data }}"}`,
      ),
    )
    expect(execution.error).toBeNull()
    expect(vars).toEqual({ got: [1, 2, 1, ['command_0', 'command_1', 'data', 'row_count', 'rows', 'status']] })
  })
})
