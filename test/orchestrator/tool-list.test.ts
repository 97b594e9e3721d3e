import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../src/db/database.js'
import type { ToolRun } from '../../src/executions/record.js'
import { createExecutionsService } from '../../src/executions/service.js'
import { MASK } from '../../src/sealing/mask.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import { describeDatabase } from '../support/database.js'
import { dumpOf } from '../support/dump.js'
import { type Engine, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { playbook } from '../support/source.js'

const FAILS = '"{{ this.status == \'error\' }}"'

describeDatabase('a list of tools', (open) => {
  let db: Database
  let engine: Engine
  let server: Server
  let url: string
  /** The idempotency keys with which pages were asked for. */
  const keys: string[] = []
  beforeAll(async () => {
    db = await open()
    engine = await openEngine(db, { stepLimit: 40, keyRing: keyRingOf('one') })
    server = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '/', 'http://stub')
      keys.push(String(request.headers['idempotency-key']))
      const page = Number(searchParams.get('page'))
      const isDown = searchParams.get('down') === 'yes' && keys.length % 2 === 1
      response.writeHead(isDown ? 503 : page > 3 ? 404 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ items: [page * 10], more: page < 3 }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    await engine.close()
    server.close()
  })

  async function toolsOf(id: string): Promise<Partial<ToolRun>[]> {
    const page = await createExecutionsService({ db, bus: engine.bus, variableFilter: variableFilterSql }).steps(id, {
      first: 10,
      after: null,
    })
    const run = page.items.find(({ tools }) => tools.length > 0)
    return (run?.tools ?? []).map(({ name, status, turns, attempts, result, error }) => ({
      ...{ name, status, turns, attempts, result },
      ...(error ? { error } : {}),
    }))
  }

  test('runs them in order in one run; each reads those before by name, and the last gives the step its value', async () => {
    const { execution, vars, steps } = await engine.run(
      playbook(
        'ordered_tools',
        `
- step: start
  tool:
  - {name: first, kind: python, code: "result = {'n': 2}", vars: {seen: "{{ result.n }}"}}
  - {name: note, rules: [{do: continue, let: {factor: "{{ first.n * 5 }}"}}]}
  - {name: second, kind: python, args: {n: "{{ first.n }}", by: "{{ factor }}"}, code: "print('hi')\\nresult = {'product': n * by}"}
  vars: {product: "{{ result.product }}", again: "{{ first.n }}", status: "{{ this.status }}"}
  next: [{when: "{{ start.product == 20 }}", step: later}]
- step: later
  vars: {of_first: "{{ start.first.n }}", of_results: "{{ start.results.second.product }}", is_let_gone: "{{ factor is not defined }}"}`,
      ),
    )
    expect(execution.error).toBeNull()
    expect(vars).toEqual({ seen: 2, product: 20, again: 2, status: 'success', of_first: 2, of_results: 20, is_let_gone: true })
    expect(steps).toEqual([
      { step: 'start', visit: 1, status: 'succeeded', attempts: 2, result: { product: 20 } },
      { step: 'later', visit: 1, status: 'succeeded', attempts: 1, result: null },
    ])
    expect(await toolsOf(execution.id)).toEqual([
      { name: 'first', status: 'succeeded', turns: 1, attempts: 1, result: { n: 2 } },
      { name: 'note', status: 'succeeded', turns: 1, attempts: 1, result: null },
      { name: 'second', status: 'succeeded', turns: 1, attempts: 1, result: { product: 20 } },
    ])
    const [run] = await db.rows<{ log: string }>(
      `SELECT log FROM transient.step_run WHERE execution_id = $1::bigint AND run = 1`,
      execution.id,
    )
    expect(run?.log).toBe('[second]\nhi\n')
  })

  test('jumps back while a rule says so, retries by rule, and gives each turn an idempotency key of its own', async () => {
    keys.length = 0
    const { execution, vars } = await engine.run(
      playbook(
        'pages',
        `
- step: start
  vars: {before: {all: []}}
  tool:
  - {name: init, rules: [{do: continue, let: {page: 1}}]}
  - name: fetch
    kind: http
    url: "{{ workload.url }}"
    params: {page: "{{ page }}", down: "yes"}
    rules:
    - {when: "{{ this.status_code == 503 }}", do: retry, max_attempts: 3, initial_delay: 0}
    - {when: ${FAILS}, do: fail}
    - {do: continue, let: {more: "{{ this.data.more }}"}, vars: {all: "{{ vars.all + result['items'] }}", attempts_of_last: "{{ this.attempt }}"}}
  - {name: paginate, rules: [{when: "{{ more }}", do: jump, to: fetch, let: {page: "{{ page + 1 }}"}}, {do: break}]}
  - {name: never, kind: python, code: "raise ValueError()"}`,
      ),
      { url },
    )
    expect(execution.error).toBeNull()
    expect(vars).toEqual({ all: [10, 20, 30], attempts_of_last: 2 })
    const turns = (await toolsOf(execution.id)).map(({ name, turns, attempts }) => [name, turns, attempts])
    expect(turns).toEqual([
      ['init', 1, 1],
      ['fetch', 3, 2],
      ['paginate', 3, 1],
    ])
    expect(keys.map((key) => key.split(':').slice(1).join(':'))).toEqual(
      ['2', '2', '4', '4', '6', '6'].map((turn) => `start:1::fetch:${turn}`),
    )
  })

  test('a failure that no rule takes fails the step with the name of the tool; a rule may fail a success', async () => {
    const failing = await engine.run(
      playbook(
        'failing_tool',
        `
- step: start
  tool: [{name: ok, kind: python, code: "result = 1"}, {name: bad, kind: python, code: "raise ValueError('no')", rules: [{do: continue}]}, {name: after, kind: python, code: x}]
  vars: {seen: "{{ ok }}"}`,
      ),
    )
    expect(failing.execution.error).toMatchObject({
      code: 'TOOL_FAILED',
      step: 'start',
      message: expect.stringMatching(/^tool "bad": .*no/s),
    })
    expect(failing.vars).toEqual({ seen: 1 })
    const refused = await engine.run(
      playbook(
        'failed_by_rule',
        `
- step: start
  tool: [{name: check, kind: python, code: "result = {'valid': False}", rules: [{when: "{{ not result.valid }}", do: fail, vars: {why: invalid}}]}]
  next: [{when: "{{ this.status == 'error' }}", step: repair}]
- step: repair
  vars: {repaired: "{{ start.error.message }}"}`,
      ),
    )
    expect(refused.execution.status).toBe('completed')
    expect(refused.vars).toEqual({ why: 'invalid', repaired: expect.stringContaining('workflow[0].tool[0].rules[0] fails it') })
  })

  test('a failure can be passed over or end the list; retries that are used up do not fall to a rule without a condition', async () => {
    const passed = await engine.run(
      playbook(
        'passed_over',
        `
- step: start
  tool:
  - {name: missing, kind: http, url: "{{ workload.url }}?page=9", rules: [{when: "{{ this.status_code == 404 }}", do: continue}]}
  - {name: next, kind: python, args: {status: "{{ missing.status }}"}, code: "result = status", rules: [{when: "{{ true }}", do: break}]}
  - {name: never, kind: python, code: "raise ValueError()"}`,
      ),
      { url },
    )
    expect(passed.steps).toMatchObject([{ status: 'succeeded', result: 'error' }])
    const used = await engine.run(
      playbook(
        'used_up',
        `
- step: start
  tool: [{name: poll, kind: python, code: "result = 'pending'", rules: [{when: "{{ result == 'pending' }}", do: retry, max_attempts: 2, initial_delay: 0}, {do: continue}]}]`,
      ),
    )
    expect(used.execution.error?.message).toContain('a rule asks for another attempt, and there is none left')
    expect(used.steps).toMatchObject([{ status: 'failed', attempts: 2 }])
  })

  test('a jump that goes on is stopped, also between tools that call nothing', async () => {
    for (const code of ['kind: python, code: "result = 1", ', '']) {
      const { execution } = await engine.run(
        playbook(
          'endless',
          `
- step: start
  tool: [{name: a, ${code}rules: []}, {name: b, rules: [{when: "{{ 1 == 1 }}", do: jump, to: a}]}]`,
        ),
      )
      expect(execution.error).toMatchObject({ code: 'STEP_LIMIT', step: 'start', message: expect.stringContaining('"b" to "a"') })
    }
  })

  test('iterations side by side each have names of their own', async () => {
    const { execution, steps, vars } = await engine.run(
      playbook(
        'looped',
        `
- step: start
  loop: {in: "{{ range(1, 9) }}", iterator: n, mode: async, concurrency: 8}
  vars: {before: {sum: 0}}
  tool:
  - {name: twice, kind: python, args: {n: "{{ n }}"}, code: "result = n * 2", rules: [{when: "{{ n == 3 }}", do: fail}, {do: continue, let: {kept: "{{ result }}"}}]}
  - {name: plus, kind: python, args: {kept: "{{ kept }}", n: "{{ n }}"}, code: "result = kept + n", vars: {sum: "{{ vars.sum + result }}"}}`,
      ),
    )
    expect(execution.error).toBeNull()
    expect(steps[0]?.result).toEqual([3, 6, null, 12, 15, 18, 21, 24])
    expect(vars['sum']).toBe(99)
  })

  test('what a tool is given of the sensitive stays hidden, with all that the list keeps of it', async () => {
    const { execution, vars } = await engine.run(
      playbook(
        'sensitive_tools',
        `
- step: start
  tool:
  - {name: use, kind: python, args: {key: "{{ workload.key }}"}, code: "result = key + '!'", rules: [{do: continue, let: {copy: "{{ result }}"}}]}
  - {name: more, kind: python, args: {copy: "{{ copy }}"}, code: "result = copy[:6]", vars: {derived: "{{ result }}"}}
  vars: {token: "{{ use }}"}
  next: [{step: last}]
- {step: last, vars: {later: "{{ start.use | upper }}"}}`,
        { more: 'sensitive: [workload.key]' },
      ),
      { key: 'canary-91bd' },
    )
    expect(execution.error).toBeNull()
    expect(vars).toEqual({ derived: MASK, token: MASK, later: MASK })
    expect((await engine.variables.reveal(execution.id, 'later'))?.value).toBe('CANARY-91BD!')
    expect(await dumpOf(db)).not.toMatch(/canary/i)
    expect((await toolsOf(execution.id)).map(({ name, result }) => [name, result])).toEqual([
      ['use', MASK],
      ['more', MASK],
    ])
  })

  test('a child may be one of them', async () => {
    await engine.start(
      playbook('small_child', '\n- {step: start, tool: python, args: {x: "{{ workload.x }}"}, code: "result = {\'y\': x + 1}"}'),
      { x: 1 },
    )
    const { execution, steps } = await engine.run(
      playbook(
        'with_child',
        `
- step: start
  tool: [{name: child, kind: playbook, path: test/small_child, args: {x: 4}}, {name: use, kind: python, args: {y: "{{ child.y }}"}, code: "result = y"}]`,
      ),
    )
    expect(execution.error).toBeNull()
    expect(steps).toMatchObject([{ result: 5 }])
  })

  test('a step whose "when" does not hold is skipped, and its branch ends', async () => {
    const { execution, steps, vars } = await engine.run(
      playbook(
        'entered',
        `
- step: start
  next: [{step: left}, {step: right}]
- {step: left, when: "{{ workload.isOn }}", tool: {kind: python, code: "raise ValueError()"}, vars: {left: 1}, next: [{step: after}]}
- {step: after, vars: {after: 1}}
- {step: right, when: "{{ not workload.isOn }}", vars: {right: 1}}`,
      ),
      { isOn: false },
    )
    expect(execution.status).toBe('completed')
    expect(vars).toEqual({ right: 1 })
    expect(steps.map(({ step, status }) => [step, status])).toEqual([
      ['start', 'succeeded'],
      ['left', 'skipped'],
      ['right', 'succeeded'],
    ])
  })
})
