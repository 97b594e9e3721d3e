import { connect as openConnection } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type JsonObject, type JsonValue, parseJson } from '../../src/core/json.js'
import { codesOf, type InProcessServer, startInProcess } from '../graphql/server.js'
import { connect } from '../graphql/socket.js'
import { within } from '../support/pace.js'

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess()
})
afterAll(() => server?.close())

interface RestAnswer {
  readonly status: number
  readonly body: JsonObject
}

async function rest(method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<RestAnswer> {
  const init = { method, headers: { 'content-type': 'application/json', ...headers }, body: body ?? null }
  const answer = await fetch(server.url + path, init)
  return { status: answer.status, body: parseJson((await answer.text()) || 'null') as JsonObject }
}

const playbook = (path: string, rest = ''): string =>
  JSON.stringify({
    source: `apiVersion: noetl.io/v1\nkind: Playbook\nmetadata: {name: n, path: ${path}}\nworkflow: [{step: start${rest}}]\n`,
  })

describe('a key that an object has twice is refused in every API, whatever digits stand beside it', () => {
  const UPSERT = 'mutation ($input: UpsertVariableInput!) { upsertVariable(input: $input) { revision } }'

  it.each(['1', '1.10', '123456789012345678901234567890'])('%s', async (number) => {
    const value = `{"n":${number},"a":1,"a":2}`
    const none = async () => (await rest('GET', '/api/vars/501')).body['variables']
    expect(await rest('POST', '/api/vars/501', `{"variables":{"v":${value}}}`)).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION', field: 'a' },
    })
    const variables = `{"input":{"executionId":"501","name":"v","value":${value}}}`
    expect(codesOf(await server.ask(UPSERT, variables))).toEqual(['VALIDATION'])
    const socket = await connect(server.url)
    socket.send(`{"id":"1","type":"subscribe","payload":{"query":${JSON.stringify(UPSERT)},"variables":${variables}}}`)
    expect(await socket.nextOf('1')).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'VALIDATION', field: 'a' } }],
    })
    // The socket goes on.
    socket.send(`{"id":"2","type":"subscribe","payload":{"query":"{ me { name } }"}}`)
    expect(await socket.nextOf('2')).toMatchObject({ type: 'next' })
    socket.socket.close()
    expect(await none()).toEqual({})
  })
})

describe('a report of an attempt means the same in both APIs', () => {
  const COMPLETE = 'mutation ($input: CompleteTaskInput!) { completeTask(input: $input) { accepted revision } }'

  /** A leased task, and the response of each API to a report about it: `{accepted, revision}` or the code. */
  async function heldTask(): Promise<JsonObject> {
    await rest('POST', '/api/playbooks', playbook('test/far', ', pool: far, tool: {kind: python, code: "x = 1"}'))
    await rest('POST', '/api/executions', '{"path":"test/far"}')
    return (await rest('POST', '/api/tasks/claim', '{"pool":"far","worker_id":"w","wait_ms":60000}')).body
  }

  async function overRest(task: JsonObject, report: JsonObject): Promise<JsonValue> {
    const { attempt, token } = task
    const { status, body } = await rest(
      'POST',
      `/api/tasks/${task['id']}/complete`,
      JSON.stringify({ attempt, token, ...report }),
    )
    return status === 200 ? body : ((body['code'] ?? null) as JsonValue)
  }

  async function overGraphQL({ id, attempt, token }: JsonObject, report: JsonObject): Promise<JsonValue> {
    const answer = await server.ask(COMPLETE, JSON.stringify({ input: { taskId: id, attempt, token, ...report } }))
    return (answer.data?.['completeTask'] ?? codesOf(answer)[0] ?? null) as JsonValue
  }
  const APIS = [overRest, overGraphQL]

  const refused: [string, JsonObject, string][] = [
    ['a result and an error', { result: 1, error: { code: 'TOOL_FAILED', message: 'm' } }, 'VALIDATION'],
    ['a null result and an error', { result: null, error: { code: 'TOOL_FAILED', message: 'm' } }, 'VALIDATION'],
    ['a code that no tool has', { error: { code: 'NOT_FOUND', message: 'm' } }, 'VALIDATION'],
    ['a code that only the server gives', { error: { code: 'STEP_LIMIT', message: 'm' } }, 'VALIDATION'],
    ['a code that there is not', { error: { code: 'constructor', message: 'm' } }, 'VALIDATION'],
    ['extras that are no object', { extras: [1] }, 'VALIDATION'],
    ['attempt 0', { attempt: 0 }, 'VALIDATION'],
    ['a negative attempt', { attempt: -1 }, 'VALIDATION'],
    ['another attempt', { attempt: 2 }, 'CONFLICT'],
    ['another token', { token: 'tt_1-1-1_x' }, 'CONFLICT'],
  ]
  it.each(refused)('%s is refused', async (_title, report, code) => {
    const task = await heldTask()
    for (const complete of APIS) expect(await complete(task, report)).toBe(code)
    expect(await overRest(task, { result: 1 }), 'and the task is still held').toMatchObject({ accepted: true })
  })

  const taken: [string, JsonObject][] = [
    ['nothing', {}],
    ['null', { result: null, error: null, extras: null, log: null }],
    ['a result', { result: { a: [1] }, extras: { x: 1 }, log: 'l' }],
    ['an error', { error: { code: 'TIMEOUT', message: '', data: { a: 1 } } }],
    ['an error with null for data', { error: { code: 'TOOL_FAILED', message: 'm', data: null } }],
    ['a result that cannot be stored', { result: '\0' }],
  ]
  it.each(taken)('%s is taken, once', async (_title, report) => {
    for (const [first, second] of [APIS, [...APIS].reverse()]) {
      const task = await heldTask()
      expect(await first?.(task, report)).toMatchObject({ accepted: true })
      expect(await first?.(task, report)).toMatchObject({ accepted: false })
      expect(await second?.(task, report)).toMatchObject({ accepted: false })
      const ended = async () => (await rest('GET', `/api/executions/${task['execution_id']}`)).body['status']
      await expect.poll(ended, { timeout: within(20_000) }).not.toBe('running')
      for (const complete of APIS) expect(await complete(task, report)).toMatchObject({ accepted: false })
    }
  })

  it('heartbeats and releases as well', async () => {
    const task = await heldTask()
    for (const [attempt, code] of [
      [0, 'VALIDATION'],
      [2, 'CONFLICT'],
    ] as const) {
      for (const [call, field] of [
        ['heartbeat', 'heartbeatTask { id }'],
        ['release', 'releaseTask'],
      ] as const) {
        const { body } = await rest('POST', `/api/tasks/${task['id']}/${call}`, JSON.stringify({ attempt, token: task['token'] }))
        expect(body['code'], call).toBe(code)
        const [name, selection = ''] = field.split(' {')
        const query = `mutation ($id: ID!, $n: Int!, $t: String!) { ${name}(taskId: $id, attempt: $n, token: $t)${selection && ` {${selection}`} }`
        const answer = await server.ask(query, JSON.stringify({ id: task['id'], n: attempt, t: task['token'] }))
        expect(codesOf(answer), call).toEqual([code])
      }
    }
    expect(await overGraphQL(task, {})).toMatchObject({ accepted: true })
  })

  it('a claim whose caller has left takes no task', async () => {
    const claim = 'mutation { claimTask(input: {pool: "left", workerId: "gone", waitMs: 60000}) { id } }'
    const left = new AbortController()
    const asked = fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: claim }),
      signal: left.signal,
    })
    const socket = await connect(server.url)
    socket.send({ id: '1', type: 'subscribe', payload: { query: claim } })
    socket.send({ id: '2', type: 'subscribe', payload: { query: '{ me { name } }' } })
    await socket.nextOf('2')
    await server.ask('{ me { name } }')
    left.abort()
    await expect(asked).rejects.toThrow()
    socket.send({ id: '1', type: 'complete' })
    socket.send({ id: '3', type: 'subscribe', payload: { query: '{ me { name } }' } })
    await socket.nextOf('3')
    await rest('POST', '/api/playbooks', playbook('test/left', ', pool: left, tool: {kind: python, code: "x = 1"}'))
    await rest('POST', '/api/executions', '{"path":"test/left"}')
    const { body } = await rest('POST', '/api/tasks/claim', '{"pool":"left","worker_id":"here","wait_ms":60000}')
    expect(body, 'somebody who is gone holds it').toMatchObject({ kind: 'python' })
    socket.socket.close()
  })
})

describe('registrations at the same time', () => {
  it('of one source make one version, and one of them is told so', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => rest('POST', '/api/playbooks', playbook('test/race'))))
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(11).fill(200), 201])
    expect(answers.map(({ body }) => body['version'])).toEqual(Array(12).fill(1))
  })

  it('of several sources: every version was made by one', async () => {
    const sources = ['a', 'b', 'c'].map((name) => playbook('test/races', `, desc: ${name}`))
    const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => rest('POST', '/api/playbooks', sources[n % 3])))
    const made = answers.filter(({ status }) => status === 201).map(({ body }) => Number(body['version']))
    expect(answers.every(({ status }) => status === 201 || status === 200)).toBe(true)
    expect(made.sort((left, right) => left - right)).toEqual(made.map((_, index) => index + 1))
    const versions = await server.ask('{ playbookVersions(path: "test/races") { totalCount } }')
    expect(versions.data).toEqual({ playbookVersions: { totalCount: made.length } })
  })
})

describe('the audit has what was done', () => {
  async function entries(action: string): Promise<readonly JsonValue[]> {
    return ((await rest('GET', `/api/audit?action=${action}&first=250`)).body['entries'] as JsonObject[]).map(
      ({ subject, execution_id, count }) => ({ subject, execution_id, count }),
    ) as JsonValue[]
  }

  it('and not what was there already, or was refused', async () => {
    const register = () =>
      rest('POST', '/api/playbooks', playbook('test/audited', ', pool: nobody, tool: {kind: python, code: "x = 1"}'))
    await Promise.all([register(), register(), register()])
    await server.ask(
      'mutation ($source: String!) { registerPlaybook(source: $source) { id } }',
      JSON.stringify({ source: 'no: playbook' }),
    )
    const registered = (await entries('playbook.registered')).filter(
      (entry) => (entry as JsonObject)['subject'] === 'test/audited@1',
    )
    expect(registered).toHaveLength(1)

    const start = () => rest('POST', '/api/executions', '{"path":"test/audited"}', { 'idempotency-key': 'once' })
    const [first, ...others] = await Promise.all([start(), start(), start()])
    const id = String(first?.body['id'])
    expect(others.map(({ body }) => body['id'])).toEqual([id, id])
    await rest('POST', '/api/executions', '{"path":"test/audited","workload":{"other":1}}', { 'idempotency-key': 'once' })
    await rest('POST', '/api/executions', '{"path":"test/nowhere"}')
    expect(await entries(`execution.started&execution_id=${id}`)).toHaveLength(1)
    expect(
      (await entries('execution.started')).filter((entry) => (entry as JsonObject)['subject'] === 'test/audited@1'),
    ).toHaveLength(1)

    const cancel = () => rest('POST', `/api/executions/${id}/cancel`)
    expect((await Promise.all([cancel(), cancel()])).map(({ status }) => status)).toEqual([200, 200])
    await server.ask(`mutation { cancelExecution(id: "${id}") { id } }`)
    expect(await entries(`execution.cancelled&execution_id=${id}`)).toHaveLength(1)
  })

  it('of variables: changes, counted', async () => {
    const write = (variables: string) => rest('POST', '/api/vars/511', `{"variables":${variables}}`)
    await write('{"a":1,"b":2}')
    await write('{"a":1,"b":2}')
    await write('{"a":1,"b":3}')
    await write('{"__proto__":1}')
    await server.ask('mutation { incrementVariable(input: {executionId: "511", name: "a", by: 0}) { changed } }')
    await server.ask(
      'mutation { upsertVariable(input: {executionId: "511", name: "a", value: 9, expectedVersion: 7}) { changed } }',
    )
    await rest('DELETE', '/api/vars/511/none')
    expect(await entries('variables.deleted&execution_id=511')).toEqual([])
    await rest('DELETE', '/api/vars/511')
    await rest('DELETE', '/api/vars/511')
    await rest('POST', '/api/vars/511/none/reveal')
    const written = (await entries('variables.written&execution_id=511')) as JsonObject[]
    expect(written.reduce((sum, { count }) => sum + Number(count), 0)).toBe(3)
    expect(await entries('variables.deleted&execution_id=511')).toEqual([{ subject: null, execution_id: '511', count: 2 }])
    expect(await entries('variable.revealed')).toEqual([])
  })
})

describe('a body without a length that is over the limit', () => {
  it.each(['/graphql', '/api/executions', '/api/playbooks'])('%s: 413 while it is still coming', async (path) => {
    const { port } = new URL(server.url)
    const socket = openConnection(Number(port), '127.0.0.1')
    const answer = new Promise<string>((resolve, reject) => {
      let text = ''
      socket.setEncoding('utf8').on('data', (part: string) => {
        text += part
        if (text.includes('TOO_LARGE')) resolve(text)
      })
      socket.on('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)))
      socket.on('error', () => undefined)
    })
    const head = [
      `POST ${path} HTTP/1.1`,
      `host: 127.0.0.1:${port}`,
      'content-type: application/json',
      'transfer-encoding: chunked',
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    const chunk = `${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`
    // More than the limit, and never the end.
    for (let sent = 0; sent < 20 && !socket.destroyed; sent += 1) await new Promise((resolve) => socket.write(chunk, resolve))
    expect(await answer).toMatch(/^HTTP\/1\.1 413 /)
    socket.destroy()
  })
})
