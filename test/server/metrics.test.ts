import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { within } from '../support/pace.js'
import { playbook, python } from '../support/source.js'

vi.setConfig({ testTimeout: 60_000 })

let server: InProcessServer
beforeAll(async () => {
  // As in docker-compose.yml: workers over the API run all steps.
  server = await startInProcess({ CONCURRENCY: '0' })
})
afterAll(() => server?.close())

async function figure(name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1) ?? 0)
}

async function post(path: string, body: object): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' }
  return (await (
    await fetch(`${server.url}/api/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  ).json()) as never
}

/** Claims and reports tasks, as a worker over the API does. */
async function work(count: number, report: object): Promise<void> {
  for (let done = 0; done < count; ) {
    const task = await post('tasks/claim', { pool: 'default', worker_id: 'w', wait_ms: 10_000 })
    if (task === null) continue
    const { id, attempt, token } = task
    await post(`tasks/${id}/complete`, { attempt, token, ...report })
    done += 1
  }
}

it('steps and executions are counted wherever they run, once each', async () => {
  const source = playbook(
    'counted',
    `
- step: start
  tool: ${python('return 1')}
  next: each
- step: each
  loop: {in: [1, 2, 3], iterator: x}
  tool: ${python('return 1')}
  next: last
- step: last
  vars: {done: true}`,
  )
  const { path } = await server.services.catalog.register(source)
  const start = { path, idempotencyKey: 'once' }
  const { id } = await server.services.orchestrator.start(start)
  await work(4, { result: 1 })
  await vi.waitFor(async () => expect((await server.services.executions.get(id)).status).toBe('completed'), {
    timeout: within(30_000),
  })
  await server.services.orchestrator.start(start)
  expect(await figure('transient_steps_total{kind="python",outcome="success"}')).toBe(4)
  expect(await figure('transient_steps_total{kind="iterator",outcome="success"}')).toBe(1)
  expect(await figure('transient_steps_total{kind="step",outcome="success"}')).toBe(1)
  expect(await figure('transient_step_duration_seconds_count{kind="python",status="success"}')).toBe(4)
  expect(await figure('transient_executions_total{status="completed"}')).toBe(1)

  await server.services.orchestrator.start({ path })
  await work(1, { error: { code: 'TOOL_FAILED', message: 'no' } })
  const cancelled = await server.services.orchestrator.start({ path })
  await server.services.orchestrator.cancel(cancelled.id, null, 'api:test')
  await vi.waitFor(async () => expect(await figure('transient_executions_total{status="failed"}')).toBe(1), {
    timeout: within(30_000),
  })
  expect(await figure('transient_steps_total{kind="python",outcome="error"}')).toBe(1)
  expect(await figure('transient_step_duration_seconds_count{kind="python",status="error"}')).toBe(1)
  expect(await figure('transient_executions_total{status="cancelled"}')).toBe(1)
})
