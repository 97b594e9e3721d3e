import { once } from 'node:events'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Agent, request } from 'undici'
import { afterAll, describe, expect, it } from 'vitest'
import { describeFault } from '../../src/tools/http/fault.js'
import { createCaller, environmentWith } from './call.js'
import { AUTHORITY, EXPIRED, KEY, NOT_YET_VALID, OTHER_NAME, SELF_SIGNED, UNKNOWN_AUTHORITY } from './certificates.js'
import { startRawServer, startTestServer } from './http-server.js'

describe('what goes wrong below HTTP', () => {
  const http = createCaller('http', environmentWith())
  const closers: (() => Promise<void>)[] = []
  afterAll(async () => {
    await http.close()
    for (const close of closers) await close()
  })

  async function secure(cert: string, options: ServerOptions = {}): Promise<string> {
    const server = createServer({ key: KEY, cert, ...options }, (_request, response) => response.end('{}'))
    server.on('tlsClientError', () => {})
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closers.push(async () => {
      server.close()
      server.closeAllConnections()
    })
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  async function raw(answer: string | Buffer): Promise<string> {
    const server = await startRawServer(answer)
    closers.push(server.close)
    return `127.0.0.1:${server.port}`
  }

  it.each([
    [
      'self-signed',
      SELF_SIGNED,
      /its certificate is self-signed \(DEPTH_ZERO_SELF_SIGNED_CERT\); verify_ssl: false skips the check$/,
    ],
    ['of nobody known', UNKNOWN_AUTHORITY, /its certificate comes .* known here \(UNABLE_TO_/],
    ['expired', EXPIRED, /its certificate has expired \(CERT_HAS_EXPIRED\); verify_ssl: false/],
    ['of the future', NOT_YET_VALID, /its certificate is not valid yet/],
  ])('a certificate that is %s', async (_what, certificate, expected) => {
    const host = await secure(certificate)
    expect(await http.error({ endpoint: `https://${host}/` })).toMatch(expected)
    expect(await http.data({ endpoint: `https://${host}/`, verify_ssl: false })).toEqual({})
  })

  it('a certificate for another name, from an authority that is known', async () => {
    const url = new URL(`https://${await secure(OTHER_NAME)}/`)
    const dispatcher = new Agent({ connect: { ca: AUTHORITY } })
    const error = await request(url, { dispatcher }).catch((thrown: unknown) => thrown)
    await dispatcher.close()
    expect(describeFault(error, url)).toMatch(
      /its certificate is for another name \(it names example\.org\) \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
    )
  })

  it.each([true, false])('TLS to a port that speaks plain HTTP, verify_ssl: %s', async (verify_ssl) => {
    const server = await startTestServer()
    const message = await http.error({ endpoint: `https://127.0.0.1:${server.port}/echo`, verify_ssl })
    await server.close()
    expect(message).toMatch(/^TOOL_FAILED: could not connect to 127\.0\.0\.1:\d+: it does not speak TLS; http:\/\/ perhaps \(/)
    expect(message).not.toMatch(/certificate|verify_ssl/)
  })

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9\r\n', /it does not speak TLS; http:\/\/ perhaps/],
    ['nothing', '', /it closed the connection instead of a TLS handshake; if it does not speak TLS: http:\/\/ perhaps/],
  ])('TLS that is answered with %s', async (_what, answer, expected) => {
    expect(await http.error({ endpoint: `https://${await raw(answer)}/` })).toMatch(expected)
  })

  it('plain HTTP to a port that speaks TLS', async () => {
    expect(await http.error({ endpoint: `http://${await secure(SELF_SIGNED)}/` })).toMatch(/TLS.*https:\/\/ perhaps/)
    const alert = Buffer.from([0x15, 3, 1, 0, 2, 2, 22])
    expect(await http.error({ endpoint: `http://${await raw(alert)}/` })).toMatch(
      /did not answer in HTTP: it speaks TLS; https:\/\/ perhaps$/,
    )
  })

  it('a handshake that one side refuses', async () => {
    const old = await secure(SELF_SIGNED, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
    expect(await http.error({ endpoint: `https://${old}/`, verify_ssl: false })).toMatch(
      /versions of TLS that are not spoken here/,
    )
    const asking = await secure(SELF_SIGNED, { requestCert: true, maxVersion: 'TLSv1.2' })
    expect(await http.error({ endpoint: `https://${asking}/`, verify_ssl: false })).toMatch(
      /asks for a certificate of the client/,
    )
  })

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9\r\n', /127\.0\.0\.1:\d+ did not answer in HTTP \(Expected HTTP/],
    ['a length that is none', 'HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n', /did not answer in HTTP \(.*Content-Length\)/],
    [
      'half a body',
      'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc',
      /the connection to 127\.0\.0\.1:\d+ broke before the whole answer came$/,
    ],
    ['half a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc', /broke before the whole answer came$/],
    ['nothing', '', /broke before the whole answer came: there was none; if it speaks TLS: https:\/\/ perhaps$/],
    [
      'a huge header',
      `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`,
      /the headers of the answer .* are over the limit of 16 KiB/,
    ],
  ])('HTTP that is answered with %s', async (_what, answer, expected) => {
    expect(await http.error({ endpoint: `http://${await raw(answer)}/` })).toMatch(expected)
  })

  it('a length that the author gave', async () => {
    const endpoint = `http://${await raw('')}/`
    expect(await http.error({ endpoint, payload: 'abc', headers: { 'content-length': 10 } })).toMatch(
      /headers\.content-length: .*leave the header out/,
    )
  })
})
