// cspell:ignore Fchecked
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeDatabase } from '../support/database.js'
import { type Answer, newId, type RestServer, startRest } from './support.js'

const YAML = `apiVersion: noetl.io/v1
kind: Playbook
metadata:
  name: counter
  path: test/counter
workload:
  by: 1
workflow:
- step: start
  vars:
    counter: "{{ workload.by + 1 }}"
`

const FOREIGN = `apiVersion: noetl.io/v1
kind: Playbook
metadata:
  name: foreign
workflow:
- step: start
  tool: python
  pool: elsewhere
  code: |
    def main(): return 1
  vars:
    answer: "{{ result.answer }}"
`

describeDatabase('REST playbooks, executions and tasks', (open) => {
  let rest: RestServer
  beforeAll(async () => {
    rest = await startRest(await open())
  })
  afterAll(() => rest.close())

  const register = (body: string, type: string) =>
    rest.call('POST', '/api/playbooks', { body, headers: { 'content-type': type } })
  const start = (body: object, headers: Record<string, string> = {}) => rest.call('POST', '/api/executions', { body, headers })

  async function untilEnded(id: unknown): Promise<Answer> {
    for (;;) {
      const answer = await rest.call('GET', `/api/executions/${id}`)
      if (answer.json['finished_at'] !== null) return answer
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  it('shows the schema of a playbook, and refuses a workload by it', async () => {
    const block = { workload: { properties: { by: { type: 'integer', maximum: 5 } } }, $defs: { unused: true } }
    const source = `${YAML.replaceAll('counter', 'checked')}schema: ${JSON.stringify(block)}\n`
    const { json } = await register(source, 'text/yaml')
    await register(source.replace('maximum', 'exclusiveMaximum'), 'text/yaml')
    expect(await rest.call('GET', '/api/playbooks/test/checked/schema?version=1')).toMatchObject({ status: 200, json: block })
    const { json: latest } = await rest.call('GET', '/api/playbooks/test%2Fchecked/schema')
    expect(latest).toMatchObject({ workload: { properties: { by: { exclusiveMaximum: 5 } } } })
    expect(await rest.call('GET', '/api/playbooks/test/unknown/schema')).toMatchObject({ status: 404 })
    expect(await rest.call('GET', '/api/playbooks/test/checked/schema?version=x')).toMatchObject({ status: 422 })
    expect(await start({ path: json['path'], version: 1, workload: { by: 6 } })).toMatchObject({
      status: 422,
      json: {
        code: 'VALIDATION',
        field: 'workload',
        problems: [{ path: '/by', keyword: 'maximum', message: 'must be at most 5' }],
      },
    })
  })

  it('refuses a variable by the schema of its playbook', async () => {
    const source = `${YAML.replaceAll('counter', 'limited')}- step: wait\n  tool: python\n  pool: nobody\n  code: "def main(): return 1"\n`
    const waits = source.replace('vars:', 'next: wait\n  vars:')
    await register(`${waits}schema: {vars: {limited: {maximum: 5}}}\n`, 'text/yaml')
    const { json } = await start({ path: 'test/limited' })
    await expect.poll(async () => (await rest.call('GET', `/api/vars/${json['id']}`)).json['count']).toBe(1)
    const set = (value: number) => rest.call('POST', `/api/vars/${json['id']}`, { body: { variables: { limited: value } } })
    expect(await set(6)).toMatchObject({
      status: 422,
      json: {
        code: 'SCHEMA',
        variable: 'limited',
        path: '',
        keyword: 'maximum',
        detail: expect.stringContaining('must be at most 5'),
      },
    })
    expect(await set(5)).toMatchObject({ status: 200 })
    expect((await rest.call('GET', `/api/vars/${json['id']}/limited`)).json['value']).toBe(5)
  })

  it('registers YAML and JSON, and the same source once', async () => {
    const first = await register(YAML, 'text/yaml; charset=utf-8')
    expect(first).toMatchObject({
      status: 201,
      json: { path: 'test/counter', version: 1, name: 'counter', registered_at: expect.any(String) },
    })
    expect(await register(YAML, 'application/x-yaml')).toMatchObject({ status: 200, json: first.json })
    const changed = JSON.stringify({ source: `${YAML}# changed\n` })
    expect(await register(changed, 'application/json')).toMatchObject({ status: 201, json: { version: 2 } })
    expect(await register(YAML, 'image/png')).toMatchObject({ status: 415 })
    expect(await register('{"sauce": ""}', 'application/json')).toMatchObject({ status: 422, json: { code: 'VALIDATION' } })
  })

  it('reports every problem of a playbook with its place', async () => {
    const answer = await register('kind: Playbook\nworkflow:\n- step: a\n  next: nowhere\n', 'text/plain')
    expect(answer).toMatchObject({ status: 422, json: { code: 'PLAYBOOK_INVALID', problems: expect.any(Array) } })
    expect(answer.json['problems']).toContainEqual(
      expect.objectContaining({ severity: 'error', line: expect.any(Number), column: expect.any(Number) }),
    )
  })

  it('starts an execution, and shows it with its id as a string', async () => {
    await register(YAML, 'text/yaml')
    const started = await start({ path: 'test/counter', workload: { by: 41 } })
    expect(started.status).toBe(201)
    expect(started.headers.get('location')).toBe(`/api/executions/${started.json['id']}`)
    expect(started.json).toMatchObject({
      id: expect.stringMatching(/^\d+$/),
      path: 'test/counter',
      workload: { by: 41 },
      error: null,
      parent_id: null,
    })
    const ended = await untilEnded(started.json['id'])
    expect(ended.json).toMatchObject({ status: 'completed', revision: 1 })
    expect((await rest.call('GET', `/api/vars/${started.json['id']}/counter`)).json).toMatchObject({
      value: 42,
      type: 'step_result',
      source_step: 'start',
    })
    expect(await rest.call('POST', `/api/vars/${started.json['id']}`, { body: { variables: { a: 1 } } })).toMatchObject({
      status: 409,
      json: { code: 'EXECUTION_FINISHED' },
    })
    expect(await rest.call('POST', `/api/executions/${started.json['id']}/cancel`)).toMatchObject({
      status: 409,
      json: { code: 'EXECUTION_FINISHED' },
    })
  })

  it('starts several by one request, or none of them', async () => {
    await register(YAML, 'text/yaml')
    const inputs = [
      { path: 'test/counter', workload: { by: 4 } },
      { path: 'test/counter', idempotency_key: 'several' },
    ]
    const { status, json } = await start({ inputs })
    const executions = json['executions'] as { readonly id: string; readonly workload: object }[]
    expect([status, executions.map(({ workload }) => workload)]).toEqual([201, [{ by: 4 }, { by: 1 }]])
    for (const { id } of executions) expect((await untilEnded(id)).json['status']).toBe('completed')
    expect((await start({ inputs: inputs.slice(1) })).json).toMatchObject({ executions: [{ id: executions[1]?.id }] })
    const unknown = await start({ inputs: [...inputs, { path: 'test/unheard-of' }] })
    expect(unknown).toMatchObject({ status: 404, json: { code: 'NOT_FOUND', field: 'inputs[2]' } })
    const typo = await start({ inputs: [{ path: 'test/counter', extra: 1 }] })
    expect(typo).toMatchObject({ status: 422, json: { code: 'VALIDATION', field: expect.stringContaining('inputs.0') } })
  })

  it('starts once under one idempotency key', async () => {
    await register(YAML, 'text/yaml')
    const headers = { 'idempotency-key': 'once' }
    const first = await start({ path: 'test/counter', workload: { by: 1 } }, headers)
    expect((await start({ path: 'test/counter', workload: { by: 1 } }, headers)).json['id']).toBe(first.json['id'])
    expect(await start({ path: 'test/counter', workload: { by: 2 } }, headers)).toMatchObject({
      status: 409,
      json: { code: 'CONFLICT' },
    })
  })

  it('answers what does not exist, and what is not an id', async () => {
    expect(await start({ path: 'no/such' })).toMatchObject({ status: 404, json: { code: 'NOT_FOUND' } })
    expect(await rest.call('GET', `/api/executions/${newId()}`)).toMatchObject({ status: 404, json: { code: 'NOT_FOUND' } })
    expect(await rest.call('GET', '/api/executions/abc')).toMatchObject({
      status: 422,
      json: { code: 'VALIDATION', field: 'id' },
    })
    expect(await start({ path: 'x', version: 'latest' })).toMatchObject({ status: 422, json: { field: 'version' } })
    expect(await start({ path: 'x', workload: [] })).toMatchObject({ status: 422, json: { field: 'workload' } })
    expect(await rest.call('GET', '/api/executions')).toMatchObject({ status: 405 })
  })

  it('cancels with a reason, again, and an execution that a write made', async () => {
    const id = newId()
    await rest.call('POST', `/api/vars/${id}`, { body: { variables: { a: 1 } } })
    expect((await rest.call('GET', `/api/executions/${id}`)).json).toMatchObject({ status: 'running', path: null, version: null })
    const cancelled = await rest.call('POST', `/api/executions/${id}/cancel`, { body: { reason: 'enough' } })
    expect(cancelled).toMatchObject({ status: 200, json: { id, status: 'cancelled' } })
    expect(await rest.call('POST', `/api/executions/${id}/cancel`)).toMatchObject({ status: 200, json: { status: 'cancelled' } })
    expect(await rest.call('POST', `/api/executions/${id}/cancel`, { body: { why: 'x' } })).toMatchObject({ status: 422 })
  })

  describe('a worker', () => {
    const claim = (body: object) => rest.call('POST', '/api/tasks/claim', { body })

    it('gets null when nothing came', async () => {
      expect(await claim({ worker_id: 'w', pool: 'empty' })).toMatchObject({ status: 200, text: 'null' })
      expect(await claim({ pool: 'empty' })).toMatchObject({ status: 422, json: { field: 'worker_id' } })
      expect(await claim({ worker_id: 'w', wait_ms: 60_001 })).toMatchObject({ status: 422, json: { field: 'wait_ms' } })
    })

    it('claims, keeps and completes a task', async () => {
      await register(FOREIGN, 'text/yaml')
      const { id } = (await start({ path: 'foreign' })).json
      const task = (await claim({ worker_id: 'w', pool: 'elsewhere', wait_ms: 60_000 })).json
      expect(task).toMatchObject({ execution_id: id, step: 'start', attempt: 1, kind: 'python', lease_until: expect.any(String) })
      const ticket = { attempt: task['attempt'], token: task['token'] }
      const path = `/api/tasks/${task['id']}`
      expect(await rest.call('POST', `${path}/heartbeat`, { body: ticket })).toMatchObject({
        status: 200,
        json: { id: task['id'] },
      })
      expect(await rest.call('POST', `${path}/heartbeat`, { body: { ...ticket, token: 'other' } })).toMatchObject({
        status: 409,
        json: { code: 'CONFLICT' },
      })
      const both = { ...ticket, result: 1, error: { code: 'TOOL_FAILED', message: 'x' } }
      expect(await rest.call('POST', `${path}/complete`, { body: both })).toMatchObject({ status: 422, json: { field: 'error' } })
      const done = { ...ticket, result: { answer: 42 }, log: 'done\n' }
      expect(await rest.call('POST', `${path}/complete`, { body: done })).toMatchObject({
        status: 200,
        json: { accepted: true, revision: 1 },
      })
      expect(await rest.call('POST', `${path}/complete`, { body: done })).toMatchObject({
        status: 200,
        json: { accepted: false },
      })
      expect((await untilEnded(id)).json).toMatchObject({ status: 'completed' })
      expect((await rest.call('GET', `/api/vars/${id}/answer`)).json).toMatchObject({ value: 42 })
    })
  })
})
