import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Listener, listen } from '../../src/server/listener.js'

let listener: Listener
beforeAll(async () => {
  listener = await listen({ host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await listener?.close()
})

it('while the server starts every door says OVERLOADED in its own words', async () => {
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
