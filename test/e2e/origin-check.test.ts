import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../support/client.js'
import { freePort, serveUntilExit, startTestServer, type TestServer } from '../support/server.js'

const KEY = 'a-key-of-more-than-16-characters'
const QUERY = { query: '{ __typename }' }

/** `fetch` chooses the Host header itself, so these requests go by hand. */
function statusWith(url: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/graphql`,
      { method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      },
    )
    sent.on('error', reject)
    sent.end(JSON.stringify(QUERY))
  })
}

describe('without a credential', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startTestServer()
  })
  afterAll(async () => {
    await server?.close()
  })

  it.each(['localhost', '127.0.0.1', '[::1]'])('the host %s is served', async (host) => {
    const port = new URL(server.url).port
    expect((await statusWith(server.url, { host: `${host}:${port}` })).status).toBe(200)
  })

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '192.0.2.1'])(
    'the host %s is refused',
    async (host) => {
      const answer = await statusWith(server.url, { host: `${host}:${new URL(server.url).port}` })
      expect(answer.status).toBe(403)
      expect(answer.body).toContain('FORBIDDEN')
    },
  )

  it('a page of this server may call', async () => {
    expect((await statusWith(server.url, { origin: server.url })).status).toBe(200)
  })

  it.each(['https://evil.example', 'null', 'http://localhost.evil.example'])('a page of %s may not', async (origin) => {
    const answer = await statusWith(server.url, { origin })
    expect(answer.status).toBe(403)
    expect(answer.body).toContain('FORBIDDEN')
  })

  it('REST is checked alike, before any work', async () => {
    const id = '507861119290048688'
    const refused = await server.rest('POST', `/api/vars/${id}`, { variables: { a: 1 } }, { origin: 'https://evil.example' })
    expect(refused.status).toBe(403)
    expect(refused.body).toMatchObject({ code: 'FORBIDDEN' })
    expect(await server.variables(id)).toEqual({})
  })
})

describe('with ADMIN_KEY', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startTestServer({ env: { ADMIN_KEY: KEY } })
  })
  afterAll(async () => {
    await server?.close()
  })

  it('the key is let in', async () => {
    expect((await server.graphql(QUERY.query)).status).toBe(200)
    expect((await server.rest('GET', '/api/vars/1')).status).toBe(200)
  })

  it.each([undefined, 'another-key-of-16-characters', KEY.slice(0, -1)])(
    'the key %s is not, not even from loopback',
    async (key) => {
      const stranger = createClient(server.url, key)
      const rest = await stranger.rest('GET', '/api/vars/1')
      expect(rest.status).toBe(401)
      expect(rest.body).toMatchObject({ code: 'UNAUTHENTICATED' })
      const graphql = await stranger.graphql(QUERY.query)
      expect(graphql.status).toBe(401)
      expect(graphql.errors[0]?.extensions?.code).toBe('UNAUTHENTICATED')
    },
  )

  it('health needs no key', async () => {
    expect((await createClient(server.url).rest('GET', '/health/live')).status).toBe(200)
  })
})

describe('a public address', () => {
  it('is refused without a credential, saying what to do', async () => {
    const ended = await serveUntilExit({ HOST: '0.0.0.0', PORT: String(await freePort()) })
    expect(ended.code).not.toBe(0)
    expect(ended.output).toContain('ADMIN_KEY')
    expect(ended.output).toContain('0.0.0.0')
  })

  it('is served with ALLOW_INSECURE=1, with a warning', async () => {
    const server = await startTestServer({ env: { HOST: '0.0.0.0', ALLOW_INSECURE: '1' } })
    try {
      expect((await server.graphql(QUERY.query)).status).toBe(200)
      expect(server.output()).toContain('ALLOW_INSECURE')
    } finally {
      await server.close()
    }
  })

  it('is served with ADMIN_KEY', async () => {
    const server = await startTestServer({ env: { HOST: '0.0.0.0', ADMIN_KEY: KEY } })
    try {
      expect((await server.rest('GET', '/api/vars/1')).status).toBe(200)
    } finally {
      await server.close()
    }
  })
})
