import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { runCli } from '../support/cli.js'
import { WAIT } from '../support/pace.js'
import { startTestServer, type TestServer } from '../support/server.js'
import { type Receiver, startReceiver } from '../support/webhooks.js'
import { newId } from '../variables/support.js'
import { about } from '../webhooks/support.js'

let server: TestServer
let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
  server = await startTestServer()
})
afterAll(async () => {
  await server?.close()
  await receiver?.close()
})

it('the command line does all of it', async () => {
  const run = (...args: string[]) => runCli(['webhook', ...args], { url: server.url })
  const added = await run(
    'add',
    'cli',
    receiver.url,
    '--on',
    'variables,execution.failed',
    '--names',
    'a,b',
    '--except-actors',
    'api:other',
  )
  expect(added.err).toContain('nobody can see it again')
  expect(added).toMatchObject({ code: 0, out: expect.stringMatching(/^whsec_\S+\n$/) })
  expect((await run('list')).out).toMatch(/cli +active +http.* +\["variables","execution.failed"\] +0/)
  const execution = newId()
  await server.rest('POST', `/api/vars/${execution}`, { variables: { a: 1 } })
  await vi.waitFor(() => expect(about(receiver, execution)).toHaveLength(1), WAIT)
  expect((await run('deliveries', 'cli')).out).toContain(execution)
  expect((await run('redeliver', 'cli', execution, '--from', '1')).code).toBe(0)
  await vi.waitFor(() => expect(about(receiver, execution)).toHaveLength(2), WAIT)
  expect((await run('pause', 'cli')).code).toBe(0)
  expect((await run('resume', 'cli')).code).toBe(0)
  expect((await run('rotate', 'cli')).out).toMatch(/^whsec_/)
  expect((await run('test', 'cli')).code).toBe(0)
  receiver.answer = (response) => void response.writeHead(500).end()
  expect(await run('test', 'cli')).toMatchObject({ code: 1, err: expect.stringContaining('the receiver answered 500') })
  expect((await run('delete', 'cli')).code).toBe(0)
  expect((await run('pause', 'cli')).code).toBe(3)
})
