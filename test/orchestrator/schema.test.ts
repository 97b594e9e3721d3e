// cspell:ignore countr
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/core/json.js'
import { parseJson, stringifyJson } from '../../src/core/json.js'
import { describeDatabase } from '../support/database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { ROOT } from '../support/paths.js'
import { playbook, python } from '../support/source.js'

const SCHEMA = `schema:
  workload:
    type: object
    required: [api_url]
    properties:
      api_url: {type: string, pattern: "^https://"}
      batch_size: {type: integer, minimum: 1, default: 100}
      options: {type: object, default: {}, properties: {mode: {enum: [fast, safe], default: safe}}}
      id: {type: integer, maximum: ${'9'.repeat(299)}8}`

const source = (more = SCHEMA, rest: { workload?: string } = {}) => playbook('schema', '\n- step: start', { more, ...rest })

describeDatabase('schemas', (open) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await openEngine(await open(), { keyRing: keyRingOf('one') })
  })
  afterAll(() => engine.close())

  async function rowCounts(): Promise<JsonObject> {
    const tables = ['execution', 'event', 'step_run', 'task', 'idempotency']
    const counts = tables.map((table) => `(SELECT count(*)::int FROM transient.${table}) AS ${table}`).join(', ')
    const [row] = await engine.db.rows<JsonObject>(`SELECT ${counts}`)
    return row ?? {}
  }

  describe('the workload', () => {
    let before: JsonObject
    beforeEach(async () => {
      before = await rowCounts()
    })

    async function refused(workload: JsonValue, more?: string): Promise<JsonObject> {
      const error = await engine.start(source(more), workload as JsonObject).then(
        () => null,
        (thrown: { code: string; details: JsonObject; message: string }) => thrown,
      )
      expect(await rowCounts()).toEqual(before)
      expect(error).toMatchObject({ code: 'VALIDATION', details: { field: 'workload' } })
      return { ...error?.details, message: error?.message ?? '' }
    }

    test('that does not fit is refused with its problems, and nothing is created', async () => {
      const { problems, message } = await refused({ api_url: 'http://x', batch_size: 0 })
      expect(problems).toEqual([
        { path: '/api_url', keyword: 'pattern', message: 'must match ^https://' },
        { path: '/batch_size', keyword: 'minimum', message: 'must be at least 1' },
      ])
      expect(message).toBe("workload: does not fit the playbook's schema: /api_url must match ^https:// (and 1 more)")
      expect((await refused({}))['problems']).toEqual([{ path: '', keyword: 'required', message: 'lacks "api_url"' }])
    })

    test('has at most 20 problems', async () => {
      const { problems } = await refused(
        { list: Array.from({ length: 30 }, () => 'x') },
        'schema: {workload: {properties: {list: {items: {type: integer}}}}}',
      )
      expect(problems).toHaveLength(20)
    })

    test('is checked after it was merged and rendered', async () => {
      const rendered = source(SCHEMA, { workload: '{api_url: "{{ scheme }}://x", batch_size: "{{ 3 - 3 }}"}' })
      await expect(engine.start(rendered, { scheme: 'http' })).rejects.toMatchObject({
        details: { problems: [{ path: '/api_url' }, { path: '/batch_size' }] },
      })
      expect(await rowCounts()).toEqual(before)
      const { execution } = await engine.run(rendered, { scheme: 'https', batch_size: 7 })
      expect(execution).toMatchObject({ status: 'completed', workload: { api_url: 'https://x', batch_size: 7 } })
    })

    test('gets the defaults of what is missing, also inside', async () => {
      const { execution } = await engine.run(source(), { api_url: 'https://x' })
      expect(execution.workload).toEqual({ api_url: 'https://x', batch_size: 100, options: { mode: 'safe' } })
      const given = await engine.run(source(), { api_url: 'https://x', options: { mode: 'fast' } })
      expect(given.execution.workload).toMatchObject({ options: { mode: 'fast' } })
      expect(given.execution.payload).toEqual({ api_url: 'https://x', options: { mode: 'fast' } })
    })

    test('is compared by all its digits', async () => {
      const withId = (digits: string) => parseJson(`{"api_url": "https://x", "id": ${digits}}`)
      const { execution } = await engine.run(source(), withId(`${'9'.repeat(299)}8`) as JsonObject)
      expect(stringifyJson(execution.workload)).toContain(`${'9'.repeat(299)}8`)
      before = await rowCounts()
      const { problems } = await refused(withId('9'.repeat(300)))
      expect(problems).toEqual([{ path: '/id', keyword: 'maximum', message: expect.stringContaining('must be at most 99999') }])
    })

    test('that is refused leaves its idempotency key free', async () => {
      await engine.run(source(), { api_url: 'https://x' })
      const start = (url: string) =>
        engine.orchestrator.start({ path: 'test/schema', workload: { api_url: url }, idempotencyKey: 'refused-first' })
      await expect(start('ftp://x')).rejects.toMatchObject({ code: 'VALIDATION' })
      const { id, isChanged } = await start('https://x')
      expect(isChanged).toBe(true)
      await engine.ended(id)
    })

    test('shows nothing of what is sensitive', async () => {
      const secret =
        'sensitive: [workload.token]\nschema: {workload: {properties: {token: {properties: {k1: {pattern: "^a"}, hunter2: {type: integer}}}}}}'
      const found = await refused({ token: { k1: 'hunter3', hunter2: 'x' } }, secret)
      expect(found['problems']).toContainEqual({
        path: '/token',
        keyword: 'pattern',
        message: '******** does not fit its schema',
      })
      expect(stringifyJson(found)).not.toMatch(/hunter|k1/)
    })
  })

  test('the example of docs/playbooks.md runs', async () => {
    const page = readFileSync(join(ROOT, 'docs', 'playbooks.md'), 'utf8')
    const example =
      [...page.matchAll(/```yaml\n(apiVersion[\s\S]*?)```/g)].find(([, block]) => block?.includes('\nschema:'))?.[1] ?? ''
    await expect(engine.start(example, { api_url: 'http://x' })).rejects.toMatchObject({ code: 'VALIDATION' })
    const { execution, vars } = await engine.run(example, { api_url: 'https://x', batch_size: 3 })
    expect(execution.workload).toEqual({ api_url: 'https://x', batch_size: 3, source: 'live' })
    expect(vars).toEqual({ found: 3 })
  })

  test('a child whose workload does not fit fails its step with SCHEMA', async () => {
    await engine.run(source(), { api_url: 'https://x' })
    const before = await rowCounts()
    const step = (url: string) => `\n- step: call\n  tool: {kind: playbook, path: test/schema, args: {api_url: "${url}"}}`
    const { execution } = await engine.run(playbook('parent', step('ftp://x')))
    expect(execution.error).toMatchObject({ code: 'SCHEMA', step: 'call' })
    expect(execution.error?.message).toContain('/api_url must match ^https://')
    expect((await rowCounts())['execution']).toBe(Number(before['execution']) + 1)
    expect((await engine.run(playbook('parent', step('https://x')))).execution.status).toBe('completed')
  })

  describe('a result', () => {
    const more = 'schema: {results: {fetch: {type: object, required: [items]}}}'
    const fetch = (body: string, rest = '') =>
      playbook('result', `\n- step: fetch\n  tool: ${python(body)}\n  vars: {seen: "{{ result }}"}${rest}`, { more })

    test('that does not fit fails its step with SCHEMA, before its vars', async () => {
      const { execution, vars, steps } = await engine.run(fetch('return {"other": 1}'))
      expect(execution).toMatchObject({ status: 'failed', error: { code: 'SCHEMA', step: 'fetch' } })
      expect(execution.error?.message).toBe('step "fetch": the result does not fit its schema: lacks "items"')
      expect(vars).toEqual({ seen: null })
      expect(steps[0]?.result).toBeNull()
    })

    test('that fits is stored as ever', async () => {
      expect((await engine.run(fetch('return {"items": []}'))).vars).toEqual({ seen: { items: [] } })
    })

    test('is tried again where the step says so', async () => {
      const counting = `import os, tempfile; p = os.path.join(tempfile.gettempdir(), "schema-" + os.environ.get("X", "") + context["execution_id"]); n = len(open(p).read()) if os.path.exists(p) else 0; open(p, "a").write("x"); return {"items": []} if n == 2 else {"n": n}`
      const { execution, steps } = await engine.run(
        playbook(
          'retried',
          `\n- step: fetch\n  tool: ${python(counting, 'context')}\n  retry: {max_attempts: 5, initial_delay: 0}`,
          { more },
        ),
      )
      expect(execution.status).toBe('completed')
      expect(steps[0]).toMatchObject({ attempts: 3, result: { items: [] } })
    })

    test('can be routed as any failure', async () => {
      const rest = '\n  next: [{when: "{{ this.error.code == \'SCHEMA\' }}", then: [mend]}]\n- step: mend\n  vars: {mended: true}'
      expect((await engine.run(fetch('return 1', rest))).vars).toMatchObject({ mended: true })
    })

    test('of a list of tools is the last one, and no tool is run again for it', async () => {
      const list = 'schema: {results: {several: {minimum: 2}}}'
      const tool = (name: string, value: string) => `\n  - {name: ${name}, kind: python, code: "result = ${value}"}`
      const several = (last: string) =>
        playbook('several', `\n- step: several\n  tool:${tool('one', '1')}${tool('two', last)}`, { more: list })
      expect((await engine.run(several('2'))).execution.status).toBe('completed')
      const { execution, steps } = await engine.run(several('1'))
      expect(execution.error).toMatchObject({ code: 'SCHEMA', message: expect.stringContaining('must be at least 2') })
      expect(steps).toMatchObject([{ status: 'failed', result: null }])
    })

    test('of an iterator is its list', async () => {
      const list = 'schema: {results: {all: {type: array, items: {minimum: 2}}}}'
      const { execution } = await engine.run(
        playbook(
          'list',
          `\n- step: all\n  type: iterator\n  collection: [1, 2]\n  element: one\n  task: {tool: ${python('return one', 'one')}}`,
          { more: list },
        ),
      )
      expect(execution.error).toMatchObject({
        code: 'SCHEMA',
        message: 'step "all": the result does not fit its schema: /0 must be at least 2',
      })
    })
  })

  describe('a variable', () => {
    const LIMIT = `${'9'.repeat(299)}8`
    const more = (closed = false) => `schema:
  vars:
    counter: {type: integer, minimum: 0, maximum: ${LIMIT}}
    config: {$ref: "#/$defs/config"}
    token: {type: object, properties: {hunter1: {pattern: "^a"}}}
  closed: ${closed}
  $defs: {config: {type: object, required: [endpoint]}}
sensitive: [token]`
    const counting = (vars: string, rest = '') =>
      playbook('variables', `\n- step: start\n  vars: {counter: 1}\n  next: work\n- step: work\n  vars: ${vars}${rest}`, {
        more: more(),
      })

    test('is checked when a step writes it: the step fails, and nothing of the block is written', async () => {
      const retried = '\n  retry: {max_attempts: 3, initial_delay: 0}'
      const { execution, vars, steps } = await engine.run(counting('{other: 1, counter: "{{ vars.counter - 5 }}"}', retried))
      expect(execution.error).toMatchObject({ code: 'SCHEMA', step: 'work', attempt: 1 })
      expect(execution.error?.message).toBe('variable "counter": its value does not fit its schema: must be at least 0')
      expect(vars).toEqual({ counter: 1 })
      expect(steps).toMatchObject([{ status: 'succeeded' }, { step: 'work', status: 'failed', attempts: 1 }])
      const routed =
        '\n  next: [{when: "{{ this.error.code == \'SCHEMA\' }}", then: [mend]}]\n- step: mend\n  vars: {mended: true}'
      expect((await engine.run(counting('{config: {}}'.replace('{}', '"{{ {} }}"'), routed))).vars).toEqual({
        counter: 1,
        mended: true,
      })
    })

    test('is checked in the task of an iterator, and before a tool', async () => {
      const task = `{tool: ${python('return one', 'one')}, vars: {counter: "{{ vars.counter - one }}"}}`
      const iterator = `\n- step: all\n  type: iterator\n  collection: [1, 2]\n  element: one\n  vars: {before: {counter: 1}}\n  task: ${task}`
      const { execution, vars } = await engine.run(playbook('iterated', iterator, { more: more() }))
      expect(execution.status).toBe('completed')
      expect(vars).toMatchObject({ counter: 0, all_total: 2, all_count: 2 })
      const before = `\n- step: all\n  tool: ${python('return 1')}\n  vars: {before: {counter: "{{ -1 }}"}}`
      const failed = await engine.run(playbook('before', before, { more: more() }))
      expect(failed.execution.error).toMatchObject({ code: 'SCHEMA' })
      expect(failed.vars).toEqual({})
    })

    /** An execution that waits for a worker that never comes. */
    async function waiting(isClosed = false): Promise<string> {
      const workflow = `\n- step: start\n  vars: {counter: 1}\n  next: wait\n- step: wait\n  tool: ${python('return 1')}\n  pool: nobody`
      const { id } = await engine.start(playbook('waiting', workflow, { more: more(isClosed) }))
      await expect.poll(() => engine.variables.values(id)).toMatchObject({ counter: 1 })
      return id
    }

    const set = (executionId: string, name: string, value: JsonValue, isSensitive?: boolean) =>
      engine.variables.write({
        executionId,
        actor: 'api:test',
        writes: [{ operation: 'set', name, value, type: 'user_defined', sourceStep: null, isSensitive }],
      })
    const increment = (executionId: string, by: string) =>
      engine.variables.write({
        executionId,
        actor: 'api:test',
        writes: [{ operation: 'increment', name: 'counter', by, sourceStep: null }],
      })

    test('is checked when it is written over the API, by all its digits, and by what an increment makes of it', async () => {
      const id = await waiting()
      const before = await engine.variables.all(id)
      for (const value of [-1, 1.5, 'x', null, parseJson('9'.repeat(300))]) {
        await expect(set(id, 'counter', value)).rejects.toMatchObject({
          code: 'SCHEMA',
          details: { variable: 'counter', path: '' },
        })
      }
      await expect(increment(id, '-2')).rejects.toMatchObject({ code: 'SCHEMA', details: { keyword: 'minimum' } })
      await expect(set(id, 'config', { endpoint_: 1 })).rejects.toMatchObject({
        details: { variable: 'config', path: '', keyword: 'required' },
        message: 'variable "config": its value does not fit its schema: lacks "endpoint"',
      })
      const both = [
        { operation: 'set', name: 'free', value: 1, type: 'user_defined', sourceStep: null },
        { operation: 'set', name: 'counter', value: -1, type: 'user_defined', sourceStep: null },
      ] as const
      await expect(engine.variables.write({ executionId: id, actor: 'api:test', writes: both })).rejects.toMatchObject({
        code: 'SCHEMA',
      })
      expect(await engine.variables.all(id)).toEqual(before)
      for (const value of [parseJson('5.0'), parseJson(LIMIT), 3]) await set(id, 'counter', value)
      for (let times = 0; times < 3; times += 1) await increment(id, '-1')
      await expect(increment(id, '-1')).rejects.toMatchObject({ code: 'SCHEMA' })
      await engine.variables.write({ executionId: id, actor: 'api:test', writes: [{ operation: 'delete', name: 'counter' }] })
      await set(id, 'free', 'anything')
      await engine.orchestrator.cancel(id, null, 'test')
    })

    test('that is not declared is refused where the schema is closed', async () => {
      const id = await waiting(true)
      await expect(set(id, 'countr', 1)).rejects.toMatchObject({
        code: 'SCHEMA',
        details: { variable: 'countr', keyword: 'closed' },
        message: expect.stringContaining('did you mean "counter"?'),
      })
      await set(id, 'config', { endpoint: 'x' })
      await engine.orchestrator.cancel(id, null, 'test')
    })

    test('that is sensitive is checked, and nothing of it is shown', async () => {
      const id = await waiting()
      const error = await set(id, 'token', { hunter1: 'hunter2' }).catch((thrown: Error & { details: JsonObject }) => thrown)
      expect(error).toMatchObject({ code: 'SCHEMA', details: { variable: 'token', path: '', keyword: 'pattern' } })
      expect(`${(error as Error).message} ${stringifyJson((error as { details: JsonObject }).details)}`).not.toContain('hunter')
      await set(id, 'token', { hunter1: 'a' })
      await engine.orchestrator.cancel(id, null, 'test')
    })

    test('that a rerun is given is checked', async () => {
      const { execution } = await engine.run(counting('{counter: 2}'))
      const rerun = (value: JsonValue) =>
        engine.orchestrator.rerun({
          id: execution.id,
          fromStep: 'work',
          variables: [{ name: 'counter', value }],
          actor: 'api:test',
        })
      const before = await rowCounts()
      await expect(rerun(-1)).rejects.toMatchObject({ code: 'SCHEMA', details: { variable: 'counter' } })
      expect(await rowCounts()).toEqual(before)
      await engine.ended((await rerun(7)).id)
    })
  })
})
