import { afterAll, describe, expect, it } from 'vitest'
import { isJsonObject, type JsonObject, type JsonValue, stringifyJson } from '../../src/core/json.js'
import { createCaller, environmentWith } from './call.js'
import { startTestServer } from './http-server.js'
import { testTool } from './suite.js'

const server = await startTestServer()
const other = await startTestServer()
afterAll(async () => {
  await server.close()
  await other.close()
})

testTool('http', {
  kind: 'http',
  environment: environmentWith,
  good: () => ({ input: { endpoint: `${server.url}/text` }, data: 'héllo' }),
  bad: () => ({ endpoint: `${server.url}/fail` }),
  endless: () => ({ endpoint: `${server.url}/slow` }),
})

describe('http', () => {
  const credentials = new Map<string, JsonValue>([
    ['token', 't0ken'],
    ['login', { username: 'u', password: 'p' }],
    ['key', { name: 'X-Key', value: 'k' }],
  ])
  const http = createCaller('http', environmentWith({ credentials }))
  afterAll(() => http.close())
  const at = (path: string, more: JsonObject = {}): JsonObject => ({ endpoint: server.url + path, ...more })
  const echo = async (more: JsonObject = {}, path = '/echo') => {
    const data = await http.data(at(path, more))
    if (!isJsonObject(data) || !isJsonObject(data.headers ?? null)) throw new Error('no echo')
    return { method: data.method, url: data.url, body: data.body, headers: data.headers as JsonObject }
  }

  const answers: [string, string][] = [
    ['/digits', '{"id":123456789012345678901,"price":1.10}'],
    ['/text', '"héllo"'],
    ['/latin', '"é"'],
    ['/empty', 'null'],
    ['/binary', '"AP8B"'],
    ['/untyped', '{"a":1}'],
    ['/bad-json', '"{\\"a\\": "'],
    ['/gzip', '{"a":1}'],
  ]
  it.each(answers)('reads %s as %s', async (path, expected) => {
    expect(stringifyJson(await http.data(at(path)))).toBe(expected)
  })

  it('is GET without and POST with a payload, with the idempotency key', async () => {
    expect(await echo()).toMatchObject({ method: 'GET', body: '', headers: { 'idempotency-key': '1:step:1:0' } })
    expect(await echo({ payload: { a: 1 } })).toMatchObject({
      method: 'POST',
      body: '{"a":1}',
      headers: { 'content-type': 'application/json' },
    })
    expect(await echo({ method: 'put', payload: 'x' })).toMatchObject({ method: 'PUT', body: 'x' })
    expect(await echo({ payload: [1] })).toMatchObject({ body: '[1]' })
    expect(http.log()).toBe('')
  })

  it('sends a payload with GET as a body, with a warning', async () => {
    expect(await echo({ method: 'GET', payload: { a: 1 } })).toMatchObject({ method: 'GET', body: '{"a":1}' })
    expect(http.log()).toMatch(/warning: a payload with GET/)
  })

  it('adds params to the query', async () => {
    const { url } = await echo({ params: { a: [1, 2], b: null, c: 'x y', d: true } }, '/echo?z=0')
    expect(url).toBe('/echo?z=0&a=1&a=2&c=x+y&d=true')
  })

  it('sends a form where the header says so', async () => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', 'X-N': 5 }
    expect(await echo({ headers, payload: { a: 'b c' } })).toMatchObject({ body: 'a=b+c', headers: { 'x-n': '5' } })
  })

  it('keeps the body, the status and the headers of an answer that is not 2xx', async () => {
    const outcome = await http.run(at('/fail'))
    expect(outcome).toMatchObject({
      status: 'error',
      error: { code: 'TOOL_FAILED', message: `GET ${server.url}/fail answered 503 Service Unavailable` },
      data: { why: 'busy' },
      extras: { status_code: 503, headers: { 'content-type': 'application/json; charset=utf-8' } },
    })
    expect(await http.run(at('/cookies'))).toMatchObject({
      extras: { status_code: 200, headers: { 'set-cookie': ['a=1', 'b=2'] } },
    })
  })

  it('sends credentials by name', async () => {
    expect((await echo({ auth: { type: 'bearer', credential: 'token' } })).headers.authorization).toBe('Bearer t0ken')
    expect((await echo({ auth: { type: 'basic', credential: 'login' } })).headers.authorization).toBe('Basic dTpw')
    expect((await echo({ auth: { type: 'header', credential: 'key' } })).headers['x-key']).toBe('k')
    expect((await echo({ auth: {} })).headers.authorization).toBeUndefined()
    expect(await http.error(at('/echo', { auth: { type: 'bearer', credential: 'no' } }))).toMatch(/no credential "no"/)
  })

  it('follows redirects, and takes no secret to another origin', async () => {
    expect(await echo({ payload: { a: 1 } }, '/to-echo')).toMatchObject({ method: 'GET', body: '' })
    expect(await echo({ payload: { a: 1 } }, '/to-echo-307')).toMatchObject({ method: 'POST', body: '{"a":1}' })
    const auth = { type: 'header', credential: 'key' }
    expect((await echo({ auth }, '/to-echo')).headers['x-key']).toBe('k')
    const away = `/to?url=${encodeURIComponent(`${other.url}/echo`)}`
    expect((await echo({ auth, headers: { 'x-other': '1' } }, away)).headers).not.toHaveProperty('x-key')
    expect(await http.error(at('/loop'))).toMatch(/more than 5 redirects/)
    expect(await http.error(at('/to-metadata'))).toMatch(/169\.254\.169\.254 is a link-local/)
    expect(await http.error(at('/to-file'))).toMatch(/no http or https URL/)
  })

  const failures: [string, JsonObject, RegExp][] = [
    [
      'a dead endpoint',
      { endpoint: 'http://127.0.0.1:9/x' },
      /^TOOL_FAILED: could not connect to 127\.0\.0\.1:9: the connection was refused$/,
    ],
    ['an unknown name', { endpoint: 'http://no-such-host.invalid/' }, /could not connect to no-such-host\.invalid:80/],
    ['a broken connection', at('/break'), /broke before the whole answer/],
    ['its own timeout', at('/slow', { timeout: '0.2' }), /^TIMEOUT: GET .*\/slow gave no answer after 0\.2 s/],
    ['a body that stalls', at('/drip', { timeout: 0.2 }), /^TIMEOUT/],
    ['over 10 MiB', at('/big'), /over the limit of 10 MiB/],
    ['over 10 MiB unpacked', at('/bomb'), /over the limit of 10 MiB/],
    ['no URL', { endpoint: 'users' }, /endpoint: "users" is no http or https URL/],
    ['another scheme', { endpoint: 'file:///etc/passwd' }, /no http or https URL/],
    ['a header with a line break', at('/echo', { headers: { a: 'x\ny' } }), /headers\.a/],
    ['a method that is none', at('/echo', { method: 'G T' }), /method/],
  ]
  it.each(failures)('fails on %s', async (_name, input, expected) => {
    expect(await http.error(input)).toMatch(expected)
  })

  it('does not reach its own server, nor loopback from a public one', async () => {
    const own = createCaller('http', environmentWith({ ownPort: server.port }))
    expect(await own.error(at('/text'))).toMatch(/is this server itself/)
    expect(await own.error({ endpoint: `http://localhost:${server.port}/text` })).toMatch(/is this server itself/)
    await own.close()
    const closed = createCaller('http', environmentWith({ isLoopbackOpen: false }))
    expect(await closed.error(at('/text'))).toMatch(/127\.0\.0\.1 is a loopback address.*ALLOW_HOSTS/)
    expect(await closed.error({ endpoint: `http://localhost:${server.port}/text` })).toMatch(
      /localhost \(.*\) is a loopback address/,
    )
    expect(await closed.error({ endpoint: `http://2130706433:${server.port}/text` })).toMatch(/loopback/)
    await closed.close()
    const allowed = createCaller('http', environmentWith({ isLoopbackOpen: false, allowHosts: [`localhost:${server.port}`] }))
    expect(await allowed.data({ endpoint: `http://localhost:${server.port}/text` })).toBe('héllo')
    await allowed.close()
  })
})
