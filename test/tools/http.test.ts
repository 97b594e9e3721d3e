import { afterAll, describe, expect, it } from 'vitest'
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '../../src/core/json.js'
import { createCaller, environmentWith } from './call.js'
import { startRawServer, startTestServer, zstdCompressSync } from './http-server.js'
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
  const at = (path: string, more: JsonObject = {}): JsonObject => ({
    endpoint: server.url + path.replaceAll('+', '%2B'),
    ...more,
  })
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
    ['/gzip', '{"a":1}'],
    ['/packed?coding=identity&bytes={}', '{}'],
    ['/packed?coding=x-gzip&bytes={}', '{}'],
    ['/packed?coding=deflate&bytes={}', '{}'],
    ['/packed?coding=raw&bytes={}', '{}'],
    ['/packed?coding=br&bytes={}', '{}'],
    ['/packed?coding=deflate,%20gzip&bytes={}', '{}'],
    ['/packed?coding=br+gzip+deflate&bytes={}', '{}'],
    ['/bytes?type=application/json&hex=', 'null'],
    ['/bytes?type=application/json&hex=200a', 'null'],
    ['/bytes?type=application/problem+json&hex=7b7d', '{}'],
    ['/bytes?type=application/x-ndjson&hex=7b7d0a7b7d', '"{}\\n{}"'],
    ['/bytes?type=application/stream+json&hex=7b7d0a7b7d', '"{}\\n{}"'],
    ['/bytes?type=application/json-seq&hex=7b7d0a7b7d', '"{}\\n{}"'],
    ['/bytes?type=application/json;charset=iso-8859-1&hex=22e922', '"é"'],
    ['/bytes?type=application/json&hex=efbbbf7b7d', '{}'],
    ['/bytes?type=application/json&hex=fffe7b007d00', '{}'],
    ['/bytes?type=text/plain;charset=windows-1252&hex=6974927320802035', '"it’s € 5"'],
    ['/bytes?type=text/plain;%20Charset=%22CP1252%22&hex=80', '"€"'],
    ['/bytes?type=text/csv&hex=4a6f73e9', '"José"'],
    ['/bytes?type=application/csv&hex=4a6f73e9', '"José"'],
    ['/bytes?type=text/csv&hex=fffe4a00e900', '"Jé"'],
    ['/bytes?type=text/csv&hex=c3a9', '"é"'],
    ['/bytes?type=text/html&hex=3c6d65746120636861727365743d6b6f69382d723ec1', '"<meta charset=koi8-r>а"'],
    [
      `/bytes?type=application/xml&hex=${Buffer.from('<?xml version="1.0" encoding="iso-8859-15"?><a>\xa4</a>', 'latin1').toString('hex')}`,
      '"<?xml version=\\"1.0\\" encoding=\\"iso-8859-15\\"?><a>€</a>"',
    ],
  ]
  it.each(answers)('reads %s as %s', async (path, expected) => {
    expect(stringifyJson(await http.data(at(path)))).toBe(expected)
  })

  const faults: [string, RegExp][] = [
    ...[
      ['gzip', 12],
      ['gzip', 1],
      ['x-gzip', 20],
      ['deflate', 3],
      ['raw', 3],
      ['br', 4],
    ].map(([coding, cut]): [string, RegExp] => [
      `/packed?coding=${coding}&cut=${cut}`,
      /^TOOL_FAILED: the answer of GET .*\/packed is cut off: its [a-z-]+ ends too early$/,
    ]),
    ['/packed?coding=gzip,br&cut=4', /is cut off: its br ends too early/],
    ['/packed?coding=compress', /has the content-encoding "compress", which cannot be decoded here \(gzip, deflate, br.* can\)/],
    ['/packed?coding=gzip,%20exi', /has the content-encoding "exi"/],
    ['/bad-json', /^TOOL_FAILED: the answer of GET .*\/bad-json calls itself application\/json and is not JSON: ./],
    ['/bytes?type=text/json&hex=7b', /calls itself text\/json and is not JSON/],
    ['/bytes?type=application/hal+json&hex=4e614e', /is not JSON/],
    ['/bytes?type=application/json&hex=22e922', /says that it is in utf-8, and has bytes that are none/],
    ['/bytes?type=text/plain;charset=utf-8&hex=e9', /says that it is in utf-8/],
    ['/bytes?type=text/plain;charset=shift_jis&hex=ff', /says that it is in shift_jis/],
    ['/bytes?type=text/plain;charset=windows-1253&hex=d2', /says that it is in windows-1253/],
    ['/bytes?type=text/plain;charset=klingon&hex=61', /is in the unknown character set "klingon"/],
    ['/bytes?type=application/xml&hex=3ce93e', /says that it is in utf-8/],
  ]
  it.each(faults)('fails where the answer is not what it says: %s', async (path, expected) => {
    expect(await http.error(at(path))).toMatch(expected)
  })

  it('reads zstd where Node.js does, and refuses it elsewhere', async () => {
    if (zstdCompressSync) {
      expect(await http.data(at('/packed?coding=zstd&bytes={}'))).toEqual({})
      expect(await http.error(at('/packed?coding=gzip,zstd&cut=4'))).toMatch(/is cut off: its zstd ends too early/)
    } else {
      expect(await http.error(at('/packed?coding=zstd'))).toMatch(/has the content-encoding "zstd", which cannot be decoded here/)
    }
  })

  it('keeps what cannot be read, and says in this.encoding what is base64', async () => {
    expect(await http.run(at('/bad-json'))).toMatchObject({ data: '{"a": ', extras: { status_code: 200 } })
    expect(await http.run(at('/bytes?type=text/plain;charset=utf-8&hex=e9'))).toMatchObject({
      data: '6Q==',
      extras: { encoding: 'base64' },
    })
    expect(await http.run(at('/binary'))).toMatchObject({ status: 'success', extras: { encoding: 'base64' } })
    expect(await http.run(at('/bytes?type=text/plain&hex=00ff01'))).toMatchObject({
      status: 'success',
      data: 'AP8B',
      extras: { encoding: 'base64' },
    })
    expect(await http.run(at('/bytes?type=application/pdf;charset=utf-8&hex=e9'))).toMatchObject({
      status: 'success',
      data: '6Q==',
    })
    expect((await http.run(at('/text'))).extras).not.toHaveProperty('encoding')
    expect(await http.error(at('/bad-json-500'))).toMatch(/answered 500 Internal Server Error$/)
  })

  it('says in the log that a text without a charset was taken for windows-1252', async () => {
    expect(await http.data(at('/bytes?type=text/csv&hex=e980'))).toBe('é€')
    expect(http.log()).toBe("warning: the answer's text/csv without a charset that is not UTF-8 was read as windows-1252\n")
    await http.data(at('/text'))
    expect(http.log()).toBe('')
  })

  const bodiless: [string, string, string, string][] = [
    ['204 with a length and a body', 'GET', '204 No Content\r\nContent-Type: application/json\r\nContent-Length: 2', '{}'],
    ['204 with a length', 'GET', '204 No Content\r\nContent-Length: 20', ''],
    ['204 in chunks', 'DELETE', '204 No Content\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
    ['204 that is packed', 'POST', '204 No Content\r\nContent-Encoding: gzip', ''],
    ['HEAD', 'HEAD', '200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 20', ''],
    ['HEAD with a body', 'HEAD', '200 OK\r\nContent-Length: 2', '{}'],
  ]
  it.each(bodiless.flatMap((row) => [true, false].map((isEnded) => [...row, isEnded] as const)))(
    'has no body: %s',
    async (_name, method, head, body, isEnded) => {
      const raw = await startRawServer(`HTTP/1.1 ${head}\r\n\r\n${body}`, isEnded)
      expect(await http.run({ endpoint: raw.url, method })).toMatchObject({ status: 'success', data: null })
      await raw.close()
    },
  )

  it('takes the first of several content types, and all content-encodings', async () => {
    const twice = 'Content-Type: application/json\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'
    const raw = await startRawServer(`HTTP/1.1 200 OK\r\n${twice}`)
    expect(await http.data({ endpoint: raw.url })).toEqual({})
    await raw.close()
  })

  it('answers 304 as such, whatever length it has', async () => {
    const raw = await startRawServer('HTTP/1.1 304 Not Modified\r\nContent-Length: 20\r\n\r\n')
    expect(await http.run({ endpoint: raw.url })).toMatchObject({
      status: 'error',
      error: { message: expect.stringMatching(/answered 304 Not Modified$/) },
      extras: { status_code: 304 },
    })
    await raw.close()
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

  const type = (name: string) => ({ headers: { 'Content-Type': name } })
  it('builds a multipart body', async () => {
    const file = { filename: 'ü"1".csv', content: 'a;b', content_type: 'text/csv' }
    const photo = { filename: 'p.png', content: 'AP8=', encoding: 'base64' }
    const payload = { a: parseJson('1.10'), file: 'hello', many: ['x', true, null], object: { b: 1 }, report: file, photo }
    const { headers, body } = await echo({ ...type('multipart/form-data; boundary=mine'), payload })
    const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(String(headers['content-type']))?.[1] ?? 'none'
    const form = await new Response(String(body), {
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    }).formData()
    const entries = [...form.entries()].map(([name, value]) => [
      name,
      typeof value === 'string' ? value : [value.name, value.type],
    ])
    expect(entries).toEqual([
      ['a', '1.10'],
      ['file', 'hello'],
      ['many', 'x'],
      ['many', 'true'],
      ['object', '{"b":1}'],
      ['report', ['ü"1".csv', 'text/csv']],
      ['photo', ['p.png', 'application/octet-stream']],
    ])
    expect(Number(headers['content-length'])).toBeGreaterThan(500)
  })

  const sent: [string, JsonValue, string][] = [
    ['application/vnd.api+json', { a: 1 }, '{"a":1}'],
    ['application/x-amz-json-1.1', { a: 1 }, '{"a":1}'],
    ['application/x-ndjson', [{ a: 1 }, 'b'], '{"a":1}\n"b"\n'],
    ['application/jsonl', { a: 1 }, '{"a":1}\n'],
    ['text/plain', 5, '5'],
    ['text/plain', true, 'true'],
    ['application/xml', '<a/>', '<a/>'],
    ['application/json', '{"a": 1}', '{"a": 1}'],
    ['multipart/mixed; boundary=x', '--x--', '--x--'],
    ['application/x-www-form-urlencoded', { a: [1, 2], b: null, c: 'ü &' }, 'a=1&a=2&c=%C3%BC+%26'],
    ['application/x-www-form-urlencoded', 'a=1', 'a=1'],
  ]
  it.each(sent)('sends as %s %j', async (name, payload, body) => {
    expect(await echo({ ...type(name), payload })).toMatchObject({ body, headers: { 'content-type': name } })
  })

  const unfit: [string, JsonValue][] = [
    ['text/plain', { a: 1 }],
    ['text/csv', [1]],
    ['application/xml', { a: 1 }],
    ['image/svg+xml', { a: 1 }],
    ['application/octet-stream', { a: 1 }],
    ['application/octet-stream', 5],
    ['application/yaml', { a: 1 }],
    ['application/x-www-form-urlencoded', [1]],
    ['application/x-www-form-urlencoded', 5],
    ['multipart/form-data', [1]],
    ['multipart/mixed', { a: 1 }],
    ['multipart/form-data', 'a=1'],
    ['text/plain; charset=iso-8859-2', 'Ω'],
    ['text/plain; charset=klingon', 'a'],
    ['multipart/form-data', { f: { filename: 'a', content: 5, encoding: 'base64' } }],
  ]
  it.each(unfit)('refuses to send as %s %j', async (name, payload) => {
    expect(await http.error(at('/echo', { ...type(name), payload }))).toMatch(/^TOOL_FAILED: payload/)
  })

  it('sends a text in the charset that its header says', async () => {
    const { headers } = await echo({ ...type('text/plain; charset=windows-1252'), payload: '€é' })
    expect(headers['content-length']).toBe('2')
    expect((await echo({ ...type('text/plain; charset=UTF-8'), payload: '€é' })).headers['content-length']).toBe('5')
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
    expect(await http.error(at('/to-file'))).toMatch(/not an http or https URL/)
  })

  const failures: [string, JsonObject, RegExp][] = [
    [
      'a dead endpoint',
      { endpoint: 'http://127.0.0.1:9/x' },
      /^TOOL_FAILED: could not connect to 127\.0\.0\.1:9: the connection was refused: nothing listens there$/,
    ],
    ['an unknown name', { endpoint: 'http://no-such-host.invalid/' }, /could not connect to no-such-host\.invalid:80/],
    ['a broken connection', at('/break'), /broke before the whole answer/],
    ['its own timeout', at('/slow', { timeout: '0.2' }), /^TIMEOUT: GET .*\/slow gave no answer after 0\.2 s/],
    ['a body that stalls', at('/drip', { timeout: 0.2 }), /^TIMEOUT/],
    ['over 10 MiB', at('/big'), /over the limit of 10 MiB/],
    ['over 10 MiB unpacked', at('/bomb'), /over the limit of 10 MiB/],
    ['no URL', { endpoint: 'users' }, /endpoint: "users" is not an http or https URL/],
    ['another scheme', { endpoint: 'file:///etc/passwd' }, /not an http or https URL/],
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
