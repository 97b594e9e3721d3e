// cspell:ignore pyhton nxet SELEC
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RestAnswer } from '../support/client.js'
import { freePort, startTestServer, type TestServer } from '../support/server.js'

const ID = '507861119290048685'
const MIB = 1024 * 1024
let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
  const written = await server.rest('POST', `/api/vars/${ID}`, { variables: { kept: 1 } })
  expect(written.status).toBe(200)
})
afterAll(async () => {
  await server?.close()
})

interface Wrong {
  readonly status: number
  readonly code: string
  /** What the message must say, all of it. */
  readonly says?: readonly (string | RegExp)[]
}

const LEAKS = [/\bat .+:\d+:\d+/, /node_modules/, /\bSELECT\b.+\bFROM\b/, /prisma/i]

function expectSays(message: string, says: Wrong['says'] = []): void {
  for (const part of says)
    expect(message).toMatch(typeof part === 'string' ? new RegExp(part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')) : part)
  for (const leak of LEAKS) expect(message).not.toMatch(leak)
}

function expectProblem(answer: RestAnswer, wrong: Wrong): void {
  const body = answer.body as { code?: string; detail?: string; status?: number }
  expect({ status: answer.status, code: body.code, inBody: body.status }).toEqual({
    status: wrong.status,
    code: wrong.code,
    inBody: wrong.status,
  })
  expect(answer.headers.get('content-type')).toContain('application/problem+json')
  expectSays(body.detail ?? '', wrong.says)
}

async function expectNothingChanged(): Promise<void> {
  const { body } = await server.rest('GET', `/api/vars/${ID}`)
  expect(body).toMatchObject({ count: 1, variables: { kept: { value: 1, type: 'user_defined', source_step: null } } })
  expect((await server.execution(ID)).revision).toBe(1)
}

describe('a playbook that is none', () => {
  const playbook = (workflow: string): string =>
    `apiVersion: noetl.io/v1\nkind: Playbook\nmetadata:\n  name: bad\nworkflow:\n${workflow}`
  const cases: [string, string, (string | RegExp)[]][] = [
    ['not YAML', 'a: [1, 2', [/line|:\d/]],
    ['YAML that is not a mapping', 'just text', [/line|:1/]],
    ['YAML that is not a playbook', 'colour: blue\n', ['workflow']],
    ['an unknown tool', playbook('- step: start\n  tool: pyhton\n  code: "x = 1"\n'), ['pyhton', 'python', /\b7\b/]],
    ['a missing step', playbook('- step: start\n  next: nowhere\n'), ['nowhere', /\b7\b/]],
    ['an unknown key', playbook('- step: start\n  nxet: end\n'), ['nxet', 'next', /\b7\b/]],
    ['a step twice', playbook('- step: start\n- step: start\n'), ['start', /\b7\b/]],
    [
      'a template that does not parse',
      playbook('- step: start\n  vars:\n    a: "{{ 1 + }}"\n'),
      [/expression/, /line 8, column 16/],
    ],
  ]

  it.each(cases)('%s', async (_name, source, says) => {
    const before = await server.query('{ playbooks { totalCount } }').catch(() => null)
    const rest = await server.rest('POST', '/api/playbooks', source, { 'content-type': 'application/yaml' })
    expectProblem(rest, { status: 422, code: 'PLAYBOOK_INVALID' })
    expectSays(JSON.stringify(rest.body).replaceAll('\\"', '"'), says)
    const graphql = await server.graphql('mutation ($source: String!) { registerPlaybook(source: $source) { path } }', { source })
    expect(graphql.errors[0]?.extensions?.code).toBe('PLAYBOOK_INVALID')
    const report = await server.query<{ validatePlaybook: { valid: boolean; problems: { line: number }[] } }>(
      'query ($source: String!) { validatePlaybook(source: $source) { valid problems { line column message path } } }',
      { source },
    )
    expect(report.validatePlaybook.valid).toBe(false)
    expect(report.validatePlaybook.problems[0]?.line).toBeGreaterThan(0)
    expect(await server.query('{ playbooks { totalCount } }').catch(() => null)).toEqual(before)
  })

  it('all problems come at once', async () => {
    const source = playbook('- step: start\n  tool: pyhton\n  next: nowhere\n- step: start\n')
    const answer = await server.rest('POST', '/api/playbooks', { source })
    expectProblem(answer, { status: 422, code: 'PLAYBOOK_INVALID' })
    for (const word of ['pyhton', 'nowhere', 'start']) expect(JSON.stringify(answer.body)).toContain(word)
  })
})

describe('a step that cannot succeed', () => {
  async function errorOf(
    step: Record<string, unknown>,
  ): Promise<{ code: string; message: string; step: string | null; attempt: number | null }> {
    const workflow = [
      { step: 'start', vars: { before: 1 }, next: 'broken' },
      { step: 'broken', ...step },
    ]
    const source = JSON.stringify({
      apiVersion: 'noetl.io/v2',
      kind: 'Playbook',
      metadata: { name: 'broken', path: 'test/broken' },
      workflow,
    })
    const id = await server.startExecution(await server.register(source))
    const ended = await server.untilEnded(id, 30_000)
    expect(ended.status).toBe('FAILED')
    expect(await server.variables(id)).toMatchObject({ before: { value: 1, source_step: 'start' } })
    expect(Object.keys(await server.variables(id))).toEqual(['before'])
    return ended.error ?? { code: '', message: '', step: null, attempt: null }
  }

  const python = (code: string) => ({ tool: { kind: 'python', code } })
  const cases: [string, () => Promise<Record<string, unknown>>, string, (string | RegExp)[]][] = [
    [
      'an undefined variable',
      async () => ({ vars: { a: 1, b: '{{ vars.nothing + 1 }}' } }),
      'TEMPLATE_UNDEFINED',
      ['nothing', 'vars.nothing + 1'],
    ],
    ['a template error', async () => ({ vars: { a: '{{ [1] - {} }}' } }), 'TEMPLATE_ERROR', ['[1] - {}']],
    ['a template without end', async () => ({ vars: { a: '{{ range(1000000000) | list }}' } }), 'TEMPLATE_FORBIDDEN', [/range/]],
    [
      'a dead endpoint',
      async () => ({ tool: { kind: 'http', endpoint: `http://127.0.0.1:${await freePort()}/x` } }),
      'TOOL_FAILED',
      [/127\.0\.0\.1/, /refused/i],
    ],
    ['a python syntax error', async () => python('x = 1\ndef main(:\n  pass\n'), 'TOOL_FAILED', [/syntax/i, /line 2/]],
    [
      'a python that raises',
      async () => python('x = 1\nraise ValueError("no such luck")\n'),
      'TOOL_FAILED',
      ['ValueError', 'no such luck'],
    ],
    ['a python that exits', async () => python('import os\nos._exit(3)\n'), 'TOOL_FAILED', [/exit/i, /\b3\b/]],
    ['a python that calls sys.exit', async () => python('import sys\nsys.exit(4)\n'), 'TOOL_FAILED', [/exit/i, /\b4\b/]],
    ['a python that does not end', async () => ({ ...python('while True: pass'), timeout: 0.5 }), 'TIMEOUT', [/0\.5/]],
    [
      'an unknown connection',
      async () => ({ tool: { kind: 'postgres', auth: 'nowhere', command: 'SELECT 1' } }),
      'TOOL_FAILED',
      ['nowhere', 'CONNECTIONS'],
    ],
    ['broken SQL', async () => ({ tool: { kind: 'postgres', command: 'SELEC 1' } }), 'TOOL_FAILED', [/syntax/i]],
    ['an unknown playbook', async () => ({ tool: { kind: 'playbook', path: 'no/such' } }), 'TOOL_FAILED', ['no/such']],
    [
      'no list to iterate',
      async () => ({ type: 'iterator', collection: '{{ 5 }}', element: 'item', task: python('result = item') }),
      'TEMPLATE_ERROR',
      [/list/],
    ],
  ]

  it.each(cases)('%s', async (_name, step, code, says) => {
    const error = await errorOf(await step())
    expect({ code: error.code, step: error.step }).toEqual({ code, step: 'broken' })
    expect(error.attempt).toBe(1)
    expectSays(error.message, says)
  })

  it('the step limit', async () => {
    const limited = await startTestServer({ env: { STEP_LIMIT: '5' } })
    try {
      const workflow = [{ step: 'start', next: 'start' }]
      const source = JSON.stringify({ apiVersion: 'noetl.io/v2', kind: 'Playbook', metadata: { name: 'round' }, workflow })
      const ended = await limited.untilEnded(await limited.startExecution(await limited.register(source)))
      expect(ended.error).toMatchObject({ code: 'STEP_LIMIT', message: expect.stringContaining('5') })
    } finally {
      await limited.close()
    }
  })
})

describe('a request that is wrong', () => {
  const vars = `/api/vars/${ID}`
  const set = (variables: unknown, more: Record<string, unknown> = {}) => JSON.stringify({ variables, ...more })
  const requests: [string, string, string, string | undefined, Wrong][] = [
    ['a body that is not JSON', 'POST', vars, '{"variables": {', { status: 400, code: 'BAD_REQUEST', says: [/JSON/] }],
    ['an empty body', 'POST', vars, '', { status: 400, code: 'BAD_REQUEST' }],
    ['no variables', 'POST', vars, set({}), { status: 400, code: 'BAD_REQUEST', says: ['variables'] }],
    ['variables missing', 'POST', vars, '{}', { status: 422, code: 'VALIDATION', says: ['variables'] }],
    ['a list of variables', 'POST', vars, set([1]), { status: 422, code: 'VALIDATION', says: ['variables'] }],
    ['an unknown key', 'POST', vars, set({ a: 1 }, { colour: 'blue' }), { status: 422, code: 'VALIDATION', says: ['colour'] }],
    [
      'an unknown type',
      'POST',
      vars,
      set({ a: 1 }, { var_type: 'colour' }),
      { status: 400, code: 'BAD_REQUEST', says: [/user_defined.*step_result.*computed.*iterator_state/] },
    ],
    ['a bad name', 'POST', vars, set({ 'no spaces': 1 }), { status: 422, code: 'VALIDATION', says: ['no spaces'] }],
    [
      'one bad name among good ones',
      'POST',
      vars,
      set({ good: 1, '9bad': 1 }),
      { status: 422, code: 'VALIDATION', says: ['9bad'] },
    ],
    [
      'a name of 256 characters',
      'POST',
      vars,
      set({ ['n'.repeat(256)]: 1 }),
      { status: 422, code: 'VALIDATION', says: [/name/] },
    ],
    [
      'a name that poisons',
      'POST',
      vars,
      '{"variables": {"__proto__": 1}}',
      { status: 422, code: 'VALIDATION', says: ['__proto__'] },
    ],
    [
      'a key that poisons',
      'POST',
      vars,
      '{"variables": {"a": {"constructor": 1}}}',
      { status: 422, code: 'VALIDATION', says: ['constructor'] },
    ],
    [
      'a value over 256 KiB',
      'POST',
      vars,
      set({ kept: 2, big: 'x'.repeat(256 * 1024) }),
      { status: 413, code: 'TOO_LARGE', says: ['big', /262144|256 KiB/] },
    ],
    [
      'a body over 1 MiB',
      'POST',
      vars,
      set({ big: 'x'.repeat(MIB) }),
      { status: 413, code: 'TOO_LARGE', says: [/1048576|1 MiB/] },
    ],
    [
      'a number of 1,001 digits',
      'POST',
      vars,
      `{"variables": {"a": ${'9'.repeat(1001)}}}`,
      { status: 422, code: 'VALIDATION', says: ['a'] },
    ],
    ['a huge exponent', 'POST', vars, '{"variables": {"a": 1e400}}', { status: 422, code: 'VALIDATION', says: ['a'] }],
    [
      'an id that is not an integer',
      'GET',
      '/api/vars/abc',
      undefined,
      { status: 422, code: 'VALIDATION', says: ['execution_id', 'abc'] },
    ],
    ['an id of 0', 'POST', '/api/vars/0', set({ a: 1 }), { status: 422, code: 'VALIDATION', says: ['execution_id'] }],
    [
      'an id with a leading zero',
      'POST',
      '/api/vars/01',
      set({ a: 1 }),
      { status: 422, code: 'VALIDATION', says: ['execution_id'] },
    ],
    [
      'an id beyond 64 bits',
      'DELETE',
      '/api/vars/9223372036854775808',
      undefined,
      { status: 422, code: 'VALIDATION', says: ['execution_id'] },
    ],
    ['a negative id', 'GET', '/api/vars/-1/a', undefined, { status: 422, code: 'VALIDATION', says: ['execution_id'] }],
    ['an unknown variable', 'GET', `${vars}/nothing`, undefined, { status: 404, code: 'NOT_FOUND', says: ['nothing'] }],
    ['an unknown path', 'GET', '/api/nothing', undefined, { status: 404, code: 'NOT_FOUND' }],
    [
      'an unknown playbook',
      'POST',
      '/api/executions',
      '{"path": "no/such"}',
      { status: 404, code: 'NOT_FOUND', says: ['no/such'] },
    ],
    ['an unknown execution', 'GET', '/api/executions/123', undefined, { status: 404, code: 'NOT_FOUND', says: ['123'] }],
  ]

  it.each(requests)('%s', async (_name, method, path, body, wrong) => {
    expectProblem(await server.rest(method, path, body), wrong)
    await expectNothingChanged()
  })

  it('a body that is not JSON by its type', async () => {
    const answer = await server.rest('POST', vars, 'a=1', { 'content-type': 'application/x-www-form-urlencoded' })
    expectProblem(answer, { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' })
    await expectNothingChanged()
  })

  it('a write on a condition that does not hold', async () => {
    const answer = await server.rest('POST', vars, { variables: { kept: 2 } }, { 'if-match': '"99"' })
    expectProblem(answer, { status: 412, code: 'CONFLICT', says: ['kept'] })
    await expectNothingChanged()
  })

  const upsert = (input: string): string => `mutation { upsertVariable(input: { ${input} }) { revision } }`
  const operations: [string, string, string][] = [
    ['an id that is not an integer', upsert('executionId: "abc", name: "a", value: 1'), 'VALIDATION'],
    ['an id beyond 64 bits', upsert('executionId: "9223372036854775808", name: "a", value: 1'), 'VALIDATION'],
    ['a bad name', upsert(`executionId: "${ID}", name: "a b", value: 1`), 'VALIDATION'],
    ['no value', upsert(`executionId: "${ID}", name: "a"`), 'VALIDATION'],
    ['a value over 256 KiB', upsert(`executionId: "${ID}", name: "a", value: "${'x'.repeat(256 * 1024)}"`), 'TOO_LARGE'],
    ['a stale version', upsert(`executionId: "${ID}", name: "kept", value: 2, expectedVersion: 7`), 'CONFLICT'],
    ['an unknown type', upsert(`executionId: "${ID}", name: "a", value: 1, type: COLOUR`), 'BAD_REQUEST'],
    ['a page over 250', `{ variables(executionId: "${ID}", first: 251) { totalCount } }`, 'VALIDATION'],
    ['a negative page', `{ variables(executionId: "${ID}", first: -1) { totalCount } }`, 'VALIDATION'],
    ['a revision beyond the present', `{ variables(executionId: "${ID}", asOf: 99) { totalCount } }`, 'VALIDATION'],
    ['no document', '', 'BAD_REQUEST'],
    ['a document that does not parse', '{ variables(', 'BAD_REQUEST'],
    ['an unknown field', '{ colours }', 'BAD_REQUEST'],
    ['an unknown execution', 'mutation { cancelExecution(id: "123") { id } }', 'NOT_FOUND'],
  ]

  it.each(operations)('GraphQL: %s', async (_name, document, code) => {
    const answer = await server.graphql(document)
    expect(answer.errors[0]?.extensions?.code).toBe(code)
    expectSays(answer.errors[0]?.message ?? '')
    await expectNothingChanged()
  })

  it('a write after the end', async () => {
    const source = JSON.stringify({
      apiVersion: 'noetl.io/v2',
      kind: 'Playbook',
      metadata: { name: 'short' },
      workflow: [{ step: 'start', vars: { a: 1 } }],
    })
    const id = await server.startExecution(await server.register(source))
    await server.untilEnded(id)
    expectProblem(await server.rest('POST', `/api/vars/${id}`, { variables: { a: 2 } }), {
      status: 409,
      code: 'EXECUTION_FINISHED',
      says: [id],
    })
    expectProblem(await server.rest('DELETE', `/api/vars/${id}/a`), { status: 409, code: 'EXECUTION_FINISHED', says: [id] })
    expect((await server.variables(id))['a']?.value).toBe(1)
  })
})
