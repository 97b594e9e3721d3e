import { createConnection } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { connect, openSocket } from '../graphql/socket.js'
import { within } from '../support/pace.js'

const KEY = 'a-key-of-many-letters'
let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess({ ADMIN_KEY: KEY })
})
afterAll(async () => {
  await server?.close()
})

describe('with ADMIN_KEY', () => {
  it('GraphQL and REST name the caller, or refuse in their own words', async () => {
    const query = JSON.stringify({
      query: 'mutation { upsertVariable(input: { executionId: "1", name: "a", value: 1 }) { revision } }',
    })
    const refused = await server.post(query)
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toBe('Bearer')
    expect(refused.errors[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED' })
    expect((await server.post(query, { 'x-api-key': KEY })).data).toEqual({ upsertVariable: { revision: 1 } })

    const rest = await fetch(`${server.url}/api/vars/1`)
    expect(rest.status).toBe(401)
    expect(await rest.json()).toMatchObject({ code: 'UNAUTHENTICATED', status: 401 })
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
    const written = await fetch(`${server.url}/api/vars/1`, { method: 'POST', headers, body: '{"variables": {"b": 2}}' })
    expect(written.status).toBe(200)
    const history = await server.post('{"query": "{ variableHistory(executionId: 1) { nodes { name actor } } }"}', {
      'x-api-key': KEY,
    })
    expect(history.data).toEqual({
      variableHistory: {
        nodes: [
          { name: 'a', actor: 'api:admin' },
          { name: 'b', actor: 'api:admin' },
        ],
      },
    })
  })

  it('a socket shows its key in connection_init or in the upgrade', async () => {
    const refused = await openSocket(server.url)
    refused.send({ type: 'connection_init' })
    expect((await refused.closed).code).toBe(4403)
    const byPayload = await connect(server.url, { authorization: `Bearer ${KEY}` })
    byPayload.socket.close()
    const byHeader = await openSocket(server.url, { authorization: `Bearer ${KEY}` })
    byHeader.send({ type: 'connection_init' })
    expect(await byHeader.next()).toBe('{"type":"connection_ack"}')
    byHeader.socket.close()
  })

  it('metrics need it too; health and the page do not', async () => {
    expect((await fetch(`${server.url}/metrics`)).status).toBe(401)
    const metrics = await fetch(`${server.url}/metrics`, { headers: { 'x-api-key': KEY } })
    expect(await metrics.text()).toContain('transient_variable_writes_total{writer="api",outcome="changed"}')
    expect(await (await fetch(`${server.url}/health/ready`)).json()).toEqual({
      ...{ status: 'ready', database: 'up', bus: 'up', encryption: 'off' },
      python: expect.stringMatching(/^(isolated|not isolated|missing)$/),
    })
    const page = await fetch(server.url)
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self'; style-src 'self' 'nonce-")
    expect(await page.text()).toContain('<title>Transient</title>')
  })

  it('an unknown path is NOT_FOUND', async () => {
    const answer = await fetch(`${server.url}/nothing`, { headers: { 'x-api-key': KEY } })
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
  })
})

describe('the end', () => {
  it('sends watchers away, closes everything, and can be asked for twice', async () => {
    const ending = await startInProcess()
    const client = await connect(ending.url)
    client.send({ id: 'w', type: 'subscribe', payload: { query: 'subscription { executionsChanged { id } }' } })
    const began = performance.now()
    await Promise.all([ending.close(), ending.close()])
    expect(performance.now() - began).toBeLessThan(within(9_000))
    expect((await client.closed).code).toBe(1001)
    await expect(fetch(ending.url)).rejects.toThrow()
    expect(ending.log()).toContain(`listening on ${ending.url}`)
    expect(ending.log()).not.toContain('"level":"error"')
  })

  it('a port that is taken is named, and nothing stays open', async () => {
    const port = new URL(server.url).port
    await expect(startInProcess({ PORT: port })).rejects.toThrow(`127.0.0.1:${port}`)
  })
})

it.each(['/graphql', '/api/vars/5'])(
  'a body in chunks of which no more comes is not an error of the server: %s',
  async (path) => {
    const running = await startInProcess()
    const socket = createConnection(Number(new URL(running.url).port), '127.0.0.1')
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`,
    )
    await new Promise((resolve) => setTimeout(resolve, within(100)))
    socket.resetAndDestroy()
    await new Promise((resolve) => setTimeout(resolve, within(100)))
    expect((await fetch(`${running.url}/health/live`)).status).toBe(200)
    await running.close()
    expect(running.log()).toContain('listening on')
    expect(running.log()).not.toContain('"level":"error"')
  },
)

it('a long-poll is answered when the server stops, not cut off', async () => {
  const stopping = await startInProcess()
  const poll = fetch(`${stopping.url}/api/vars/5?after_revision=0&wait=30`)
  await new Promise((resolve) => setTimeout(resolve, within(300)))
  await stopping.close()
  const answer = await poll
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({ execution_id: 5, revision: 0, changes: [] })
})

describe('the addresses of the console', () => {
  it.each(['/', '/executions', '/executions/1?step=a', '/playbooks', '/playground', '/compare', '/explorer'])(
    '%s is the page',
    async (path) => {
      const response = await fetch(`${server.url}${path}`)
      expect(response.status).toBe(200)
      const policy = response.headers.get('content-security-policy') ?? ''
      expect(policy).toContain("script-src 'self';")
      expect(policy).not.toContain('unsafe')
      expect(response.headers.get('cache-control')).toBe('no-store')
    },
  )

  it.each(['/nowhere', '/executionsx', '/assets/none.js'])('%s is not', async (path) => {
    expect((await fetch(`${server.url}${path}`, { headers: { 'x-api-key': KEY } })).status).toBe(404)
  })

  it.each(['/nowhere', '/executionsx', '/<script>alert(1)</script>'])(
    'a browser at %s gets the page, which says so',
    async (path) => {
      for (const headers of [{}, { 'x-api-key': KEY }]) {
        const answer = await fetch(`${server.url}${path}`, { headers: { accept: 'text/html', ...headers } })
        expect(answer.status).toBe(404)
        expect(answer.headers.get('content-type')).toContain('text/html')
        expect(await answer.text()).not.toContain('alert(1)')
      }
    },
  )

  it.each(['/api/nowhere', '/health/nowhere', '/assets/none.js'])('%s is asked by programs, and answers them', async (path) => {
    const answer = await fetch(`${server.url}${path}`, { headers: { accept: 'text/html', 'x-api-key': KEY } })
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toContain('json')
  })

  it('a write to the page is not an address', async () => {
    expect((await fetch(server.url, { method: 'POST', headers: { 'x-api-key': KEY } })).status).toBe(404)
  })
})
