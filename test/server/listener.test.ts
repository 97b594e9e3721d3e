import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Listener, listen } from '../../src/server/listener.js'
import { createLogger } from '../../src/server/logger.js'

let listener: Listener
beforeAll(async () => {
  listener = await listen({ host: '127.0.0.1', port: 0, logger: createLogger('silent') })
})
afterAll(async () => {
  await listener?.close()
})

it('while the server starts every API says OVERLOADED in its own format', async () => {
  const rest = await fetch(`${listener.url}/api/vars/5`)
  expect(rest.status).toBe(503)
  expect(rest.headers.get('retry-after')).toBe('1')
  expect(rest.headers.get('content-type')).toContain('application/problem+json')
  expect(await rest.json()).toMatchObject({ status: 503, code: 'OVERLOADED', detail: expect.any(String) })

  const body = '{"query": "{ __typename }"}'
  const graphql = await fetch(`${listener.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  expect(graphql.status).toBe(503)
  expect(graphql.headers.get('retry-after')).toBe('1')
  expect(await graphql.json()).toMatchObject({ errors: [{ extensions: { code: 'OVERLOADED' } }] })
  expect((await fetch(`${listener.url}/health/ready`)).status).toBe(503)
})

it.each(['/', '/executions/5', '/nowhere', '/graphql'])(
  'while the server starts a browser at %s gets a page, which asks again by itself',
  async (path) => {
    const answer = await fetch(`${listener.url}${path}`, { headers: { accept: 'text/html,*/*;q=0.8' } })
    expect(answer.status).toBe(503)
    expect(answer.headers.get('content-type')).toContain('text/html')
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    const html = await answer.text()
    expect(html).toContain('The server is starting')
    expect(html).toContain('http-equiv="refresh"')
  },
)

it.runIf(process.platform === 'linux')('asks TCP to look after silent connections', async () => {
  const socket = connect(listener.port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  const port = (number: number | undefined): string => `:${(number ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  const ours = lines
    .map((line) => line.trim().split(/\s+/))
    .find(([, local, remote]) => local?.endsWith(port(listener.port)) && remote?.endsWith(port(socket.localPort)))
  // Field 5 is the timer that runs: 02 is keep-alive, and when it goes off in hundredths of a second.
  const [timer, when] = (ours?.[5] ?? '').split(':')
  expect(timer).toBe('02')
  expect(Number.parseInt(when ?? '', 16)).toBeLessThanOrEqual(1_200)
  socket.destroy()
})
