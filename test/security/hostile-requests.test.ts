import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codesOf, type InProcessServer, startInProcess } from '../graphql/server.js'
import { within } from '../support/pace.js'
import { rawRequest, sendRaw } from './raw-request.js'

const ID = '507861119290048690'
let server: InProcessServer
let host: string
beforeAll(async () => {
  server = await startInProcess()
  host = new URL(server.url).host
})
afterAll(() => server?.close())

const get = (path: string, headers: readonly string[] = [`Host: ${host}`]) =>
  sendRaw(server.url, rawRequest(`GET ${path}`, headers))

async function expectAlive(): Promise<void> {
  expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
}

describe('paths that lead out of the console', () => {
  const OUT = ['..', '%2e%2e', '.%2e', '..%00', '..;', '%252e%252e', '%c0%ae%c0%ae']
  const SLASHES = ['/', '%2f', '%5c', '\\', '//', '%252f']
  const paths = OUT.flatMap((out) =>
    SLASHES.flatMap((slash) => {
      const up = Array.from({ length: 4 }, () => out).join(slash)
      return [`/assets/${up}${slash}package.json`, `/assets${slash}${up}${slash}etc${slash}passwd`, `/${up}${slash}package.json`]
    }),
  )
  const others = [
    '//etc/passwd',
    '/assets//etc/passwd',
    '/assets/index.html',
    '/assets/%00',
    '/%',
    'file:///etc/passwd',
    '/assets/.',
  ]

  it.each([...paths, ...others])('%s', async (path) => {
    const { status, text } = await get(path)
    expect([400, 404]).toContain(status)
    expect(text).not.toMatch(/root:.*:0:0|"devDependencies"/)
  })

  it('a path below a place of the console is the page, one that leads out of it is none, and neither is a file', async () => {
    const within = await get('/executions/..%2f..%2f/package.json')
    expect(within.status).toBe(200)
    expect(within.text).toContain('<!doctype html>')
    const out = await get('/executions/../../../package.json')
    expect(out.status).toBe(404)
    for (const { text } of [within, out]) expect(text).not.toContain('devDependencies')
  })
})

describe('the Host of an open server', () => {
  const me = (hosts: readonly string[]) =>
    get(
      '/api/me',
      hosts.map((name) => `Host: ${name}`),
    )

  it('is this machine by its name', async () => {
    expect((await me([host])).status).toBe(200)
    expect((await me(['LocalHost'])).status).toBe(200)
  })

  it.each([
    'evil.example',
    'evil.example@localhost',
    'localhost/evil.example',
    'localhost?evil',
    'localhost#evil',
    'localhost\\evil',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '[::ffff:127.0.0.1]',
    'localhost.',
    'localhost:x',
    'localhost evil',
  ])('is not %s', async (name) => {
    const { status, text } = await me([name])
    expect([400, 403]).toContain(status)
    expect(text).not.toContain('anonymous')
  })

  it.each([[[]], [['evil.example', 'localhost']], [['localhost', 'evil.example']]])('is one: not %j', async (hosts) => {
    const { status, text } = await me(hosts)
    expect([400, 403]).toContain(status)
    expect(text).not.toContain('anonymous')
  })

  it('is what the header says, not what a proxy or the request line does', async () => {
    const forwarded = ['Host: evil.example', 'X-Forwarded-Host: localhost', 'Forwarded: host=localhost']
    expect((await get('/api/me', forwarded)).status).toBe(403)
    expect((await get(`http://${host}/api/me`, ['Host: evil.example'])).status).toBe(403)
  })
})

describe('headers without measure', () => {
  it.each([
    ['one of 64 KiB', [`X-Long: ${'x'.repeat(65_536)}`]],
    ['5,000 of them', Array.from({ length: 5_000 }, (_, index) => `X-${index}: 1`)],
    ['a credential of 64 KiB', [`Authorization: Bearer ${'x'.repeat(65_536)}`]],
  ])('%s: 431', async (_name, headers) => {
    expect((await get('/api/me', [`Host: ${host}`, ...headers])).status).toBe(431)
    await expectAlive()
  })

  it('an address of 64 KiB: 431', async () => {
    expect((await get(`/api/vars/${'1'.repeat(65_536)}`)).status).toBe(431)
    await expectAlive()
  })

  it.each([
    ['two lengths', 'Content-Length: 4\r\nContent-Length: 5\r\n'],
    ['a length and chunks', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n'],
    ['chunks that are none', 'Transfer-Encoding: nonsense\r\n'],
    ['a length below nothing', 'Content-Length: -1\r\n'],
  ])('%s: refused', async (_name, lines) => {
    const bytes = `POST /graphql HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n${lines}\r\n0\r\n\r\nGET /api/me HTTP/1.1\r\nHost: ${host}\r\n\r\n`
    const { status, text } = await sendRaw(server.url, bytes)
    expect(status).toBe(400)
    expect(text).not.toContain('anonymous')
  })
})

describe('a mutation comes by POST and JSON only', () => {
  const DOCUMENT = `mutation { upsertVariable(input: {executionId: "${ID}", name: "a", value: 1}) { revision } }`
  const asked = (init: RequestInit, search = '') => fetch(`${server.url}/graphql${search}`, init)
  const body = JSON.stringify({ query: DOCUMENT })
  const form = new FormData()
  form.set('operations', body)
  form.set('map', '{}')
  const search = `?query=${encodeURIComponent(DOCUMENT)}`

  it.each<[string, () => Promise<Response>]>([
    ['GET', () => asked({}, search)],
    ['HEAD', () => asked({ method: 'HEAD' }, search)],
    ['PUT', () => asked({ method: 'PUT', body, headers: { 'content-type': 'application/json' } })],
    ['POST with the document in the address', () => asked({ method: 'POST' }, search)],
    ['a simple request of a page, as text', () => asked({ method: 'POST', body })],
    ['a form', () => asked({ method: 'POST', body: new URLSearchParams({ query: DOCUMENT }) })],
    ['a form with files', () => asked({ method: 'POST', body: form })],
    ['GraphQL as a type', () => asked({ method: 'POST', body: DOCUMENT, headers: { 'content-type': 'application/graphql' } })],
  ])('%s is refused, and writes nothing', async (_name, ask) => {
    const response = await ask()
    expect([405, 415]).toContain(response.status)
    const { variables } = (await (await fetch(`${server.url}/api/vars/${ID}`)).json()) as { variables: object }
    expect(variables).toEqual({})
  })
})

describe('keys that would reach a prototype', () => {
  const POISON = [
    '{"__proto__": {"polluted": 1}}',
    '{"constructor": {"prototype": {"polluted": 1}}}',
    '{"\\u005f_proto__": {"polluted": 1}, "n": 1.10}',
  ]
  const SOURCE =
    'apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: p, path: poison}\nworkload: {a: {b: 1}}\nworkflow: [{step: start, vars: {seen: "{{ workload | tojson }}"}}]'
  beforeAll(async () => {
    const { errors } = await server.ask(
      'mutation ($s: String!) { registerPlaybook(source: $s) { path } }',
      JSON.stringify({ s: SOURCE }),
    )
    expect(errors).toEqual([])
  })

  it.each(POISON)('%s is refused as a workload, a value and a deeper value, over both APIs', async (poison) => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    for (const workload of [poison, `{"a": ${poison}}`, `{"a": [${poison}]}`]) {
      const start = await server.ask(
        'mutation ($input: StartExecutionInput!) { startExecution(input: $input) { id } }',
        `{"input": {"path": "poison", "workload": ${workload}}}`,
      )
      expect(codesOf(start)).toEqual(['VALIDATION'])
      const write = await server.ask(
        'mutation ($input: UpsertVariableInput!) { upsertVariable(input: $input) { revision } }',
        `{"input": {"executionId": "${ID}", "name": "a", "value": ${workload}}}`,
      )
      expect(codesOf(write)).toEqual(['VALIDATION'])
      for (const [path, text] of [
        ['/api/executions', `{"path": "poison", "workload": ${workload}}`],
        [`/api/vars/${ID}`, `{"variables": {"a": ${workload}}}`],
      ]) {
        const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: text ?? '' }
        expect((await fetch(server.url + path, init)).status).toBe(422)
      }
    }
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it.each(POISON)('a template with the context %s sees nothing of it elsewhere, and sets nothing', async (poison) => {
    for (const template of [
      '{{ {}.polluted is defined }}',
      '{% set a = vars %}{{ "" }}{{ {}.polluted is defined }}',
      '{% set d = dict(__proto__=1) %}{{ {}.polluted is defined }}',
      '{{ {"__proto__": {"polluted": 1}} and ({}.polluted is defined) }}',
    ]) {
      const { data, errors } = await server.ask(
        'query ($t: String!, $c: JSON) { renderTemplate(template: $t, context: $c) { value error { code } } }',
        `{"t": ${JSON.stringify(template)}, "c": {"vars": ${poison}}}`,
      )
      const rendered = data?.['renderTemplate'] as { value: unknown; error: object | null } | undefined
      if (errors.length === 0 && rendered?.error === null)
        expect(rendered.value).toSatisfy((value) => value === false || value === 'False')
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('what is logged', () => {
  const KEY = 'an-admin-key-of-many-letters'
  const HEADERS = { authorization: `Bearer ${KEY}` }
  const FORGED = '{"level":"fatal","msg":"pwned"}'
  const HOSTILE = [
    `a\n${FORGED}`,
    `a\r\n${FORGED}`,
    '\u001b[2J\u001b]0;pwned\u0007',
    '\u009b31m\u0085',
    '\u2028x\u2029',
    '\u0000\u007f',
  ]
  let loud: InProcessServer
  let fault = ''
  beforeAll(async () => {
    loud = await startInProcess({ ADMIN_KEY: KEY })
    const broken = () => {
      throw Object.assign(new Error(fault), { detail: fault, name: `E${fault}` })
    }
    // Sessions take the methods when they begin: this is before the first.
    Object.assign(loud.services.executions, { get: broken, find: broken })
  })
  afterAll(() => loud?.close())

  it.each(HOSTILE)('is one line of JSON an event, with %j in paths, names, templates and errors', async (text) => {
    fault = text
    const before = loud.log().length
    const code = encodeURIComponent(text)
    for (const path of [`/${code}`, `/api/vars/${code}`, `/api/executions/${code}`, '/api/executions/5'])
      await fetch(loud.url + path, { headers: { ...HEADERS, 'user-agent': code } })
    const ask = (query: string, variables = {}) => loud.post(JSON.stringify({ query, variables }), HEADERS)
    await ask('{ execution(id: 5) { id } }')
    const source = `metadata: {name: ${JSON.stringify(text)}}`
    await ask('mutation ($source: String!) { registerPlaybook(source: $source) { path } }', { source })
    await ask('query ($template: String!) { renderTemplate(template: $template) { value } }', { template: text })
    const lines = loud.log().slice(before).trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({ level: 'error', err: { message: text }, errorId: expect.any(String) })
      expect(line).not.toMatch(/[\p{Cc}\u2028\u2029]/u)
    }
  })
})

describe('a filter of variables', () => {
  it('takes no time over a text that tries every end for every beginning', async () => {
    for (const text of [
      `${' '.repeat(50_000)}x`,
      '/0'.repeat(25_000),
      '~'.repeat(50_000),
      '(a+)+'.repeat(10_000),
      '%_'.repeat(25_000),
      '\\'.repeat(50_000),
    ]) {
      for (const filter of [
        { name: { startsWith: text } },
        { name: { contains: text } },
        { value: { path: text, eq: 1 } },
        { value: { path: `/${text}`, eq: 1 } },
      ]) {
        const began = process.cpuUsage()
        await server.ask(
          'query ($f: VariableFilter!) { searchVariables(filter: $f) { totalCount } }',
          JSON.stringify({ f: filter }),
        )
        expect(process.cpuUsage(began).user / 1_000).toBeLessThan(within(1_000))
      }
    }
  })
})
