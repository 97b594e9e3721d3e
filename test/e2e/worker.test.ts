import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createClient } from '../../src/sdk/client.js'
import type { TaskCalls, WorkerTask } from '../../src/sdk/tasks.js'
import { createWorker } from '../../src/sdk/worker.js'
import { within } from '../support/pace.js'
import { startTestServer, type TestServer } from '../support/server.js'
import { startWorker, until, type WorkerProcess } from '../support/worker.js'

const DELIVERIES = 3
const KEY = 'a-key-of-24-characters-x'
/** The steps write files that the tests read. */
const SEEN = { PYTHON_SANDBOX: 'off' }

let server: TestServer
let folder: string
const workers: WorkerProcess[] = []

beforeAll(async () => {
  server = await startTestServer({
    env: { LEASE_SECONDS: String(within(1)), MAX_DELIVERIES: String(DELIVERIES), ADMIN_KEY: KEY, ...SEEN },
  })
  folder = mkdtempSync(join(tmpdir(), 'transient-worker-'))
})
afterEach(async () => {
  for (const worker of workers.splice(0)) {
    worker.signal('SIGKILL')
    await worker.ended
  }
})
afterAll(async () => {
  await server?.close()
  rmSync(folder, { recursive: true, force: true })
})

function start(...args: string[]): WorkerProcess {
  const worker = startWorker(server.url, args, { TRANSIENT_KEY: KEY, ...SEEN })
  workers.push(worker)
  return worker
}

/** A step of a pool whose code appends a line to a file and answers how many there are. */
async function register(pool: string, seconds: number, more = ''): Promise<{ path: string; log: string }> {
  const log = join(folder, pool)
  const code = [
    'import time, os',
    `with open(${JSON.stringify(log)}, "a") as f: f.write("x\\n")`,
    `count = len(open(${JSON.stringify(log)}).readlines())`,
    more,
    `time.sleep(${seconds} if count == 1 else 0)`,
    'result = {"count": count}',
  ].join('\n')
  const source = JSON.stringify({
    apiVersion: 'noetl.io/v2',
    kind: 'Playbook',
    metadata: { name: pool, path: `test/${pool}` },
    workflow: [
      { step: 'start', next: 'work' },
      { step: 'work', tool: 'python', code, pool, vars: { count: '{{ result.count }}' }, next: 'after' },
      { step: 'after', tool: 'python', code: 'result = "on the server"' },
    ],
  })
  return { path: await server.register(source), log }
}

/** TEST_LONG=1 runs also what takes long; `.ci/run` does. */
const isLong = process.env['TEST_LONG'] === '1'

it('pool: gpu runs on the workers of that pool only, more at once than one', async () => {
  const { path, log } = await register('gpu', 0)
  const ids = await Promise.all(Array.from({ length: 12 }, () => server.startExecution(path)))
  await until(async () => (await server.steps(ids[0] as string)).length > 1, 'the step is reached')
  expect(existsSync(log)).toBe(false)
  const other = start('--pool', 'cpu')
  const worker = start('--pool', 'gpu', '--concurrency', '4')
  for (const id of ids) expect(await server.untilEnded(id)).toMatchObject({ status: 'COMPLETED', error: null })
  expect((await server.steps(ids[3] as string)).at(-1)).toMatchObject({ step: 'after', result: 'on the server' })
  for (const process of [other, worker]) {
    process.signal('SIGTERM')
    expect(await process.ended, process.output()).toBe(0)
  }
})

it('a worker killed with -9 loses its lease, and another runs the step', async () => {
  const { path, log } = await register('killed', 60)
  const victim = start('--pool', 'killed')
  const id = await server.startExecution(path)
  await until(() => existsSync(log), 'the step runs')
  victim.signal('SIGKILL')
  start('--pool', 'killed')
  expect(await server.untilEnded(id, 20_000)).toMatchObject({ status: 'COMPLETED', error: null })
  expect(await server.variables(id)).toMatchObject({ count: { value: 2 } })
  expect((await server.steps(id)).find(({ step }) => step === 'work')).toMatchObject({ attempts: 1 })
})

it('a worker that slept through its lease is fenced when it wakes up', async () => {
  const { path, log } = await register('paused', 3)
  const sleeper = start('--pool', 'paused')
  const id = await server.startExecution(path)
  await until(() => existsSync(log), 'the step runs')
  sleeper.signal('SIGSTOP')
  start('--pool', 'paused')
  expect(await server.untilEnded(id, 20_000)).toMatchObject({ status: 'COMPLETED', error: null })
  sleeper.signal('SIGCONT')
  await until(() => sleeper.output().includes('its result is dropped'), 'the sleeper drops its result')
  expect(await server.variables(id)).toMatchObject({ count: { value: 2 } })
  const counts = (await server.history(id)).filter(({ name }) => name === 'count')
  expect(counts.map(({ value }) => value)).toEqual([2])
  sleeper.signal('SIGTERM')
  expect(await sleeper.ended).toBe(0)
})

it.runIf(isLong)('a step that kills every worker fails after its deliveries; what else the workers do goes on', async () => {
  const pidFile = join(folder, 'victim.pid')
  const kill = `os.kill(int(open(${JSON.stringify(pidFile)}).read()), 9)`
  const poison = await register('poison', 60, kill)
  const id = await server.startExecution(poison.path)
  const lives: (number | NodeJS.Signals)[] = []
  for (let life = 0; life < DELIVERIES; life += 1) {
    const worker = start('--pool', 'poison')
    writeFileSync(pidFile, String(worker.pid))
    lives.push(await worker.ended)
  }
  const failed = await server.untilEnded(id, 20_000)
  expect(lives).toEqual(Array.from({ length: DELIVERIES }, () => 'SIGKILL'))
  expect(failed).toMatchObject({ status: 'FAILED', error: { code: 'TOOL_FAILED', step: 'work' } })
  expect(readFileSync(poison.log, 'utf8').length / 2).toBe(DELIVERIES)

  writeFileSync(pidFile, '999999999')
  const harmless = JSON.stringify({
    apiVersion: 'noetl.io/v2',
    kind: 'Playbook',
    metadata: { name: 'harmless', path: 'test/harmless' },
    workflow: [{ step: 'start', tool: 'python', code: 'result = 7', pool: 'poison' }],
  })
  const other = await server.startExecution(await server.register(harmless))
  start('--pool', 'poison')
  expect(await server.untilEnded(other, 20_000)).toMatchObject({ status: 'COMPLETED' })
})

it('SIGTERM finishes what runs and claims nothing more', async () => {
  const go = join(folder, 'go')
  const { path, log } = await register('drained', 0, `while not os.path.exists(${JSON.stringify(go)}): time.sleep(0.05)`)
  const worker = start('--pool', 'drained')
  const first = await server.startExecution(path)
  await until(() => existsSync(log), 'the step runs')
  const second = await server.startExecution(path)
  worker.signal('SIGTERM')
  // The worker waits for what runs no longer than seven seconds.
  await sleep(within(200))
  writeFileSync(go, '')
  await until(async () => (await server.execution(first)).status === 'COMPLETED', 'the first is finished')
  expect(await worker.ended, worker.output()).toBe(0)
  expect((await server.execution(second)).status).toBe('RUNNING')
})

it('a worker claims what it has room for, keeps its leases by one call, and reports together what ends together', async () => {
  const { path } = await register('crowd', 0)
  const ids = await Promise.all(Array.from({ length: 40 }, () => server.startExecution(path)))
  const { tasks: calls } = createClient({ url: server.url, key: KEY })
  const seen = { claims: [] as number[], heartbeats: [] as number[], reports: [] as number[] }
  const counted: TaskCalls = {
    ...calls,
    async claimSeveral(options) {
      const tasks = await calls.claimSeveral(options)
      seen.claims.push(tasks.length)
      return tasks
    },
    heartbeatSeveral(tasks) {
      seen.heartbeats.push(tasks.length)
      return calls.heartbeatSeveral(tasks)
    },
    completeSeveral(reports) {
      seen.reports.push(reports.length)
      return calls.completeSeveral(reports)
    },
  }
  let isOpen = false
  let most = 0
  const worker = createWorker({
    ...{ client: { tasks: counted }, pool: 'crowd', concurrency: 20 },
    async run() {
      most = Math.max(most, worker.running)
      while (!isOpen) await sleep(10)
      return { status: 'success', data: { count: 1 } }
    },
  })
  // Longer than a lease: without its heartbeats another delivery would follow.
  await until(async () => worker.running === 20, 'the worker is full')
  await sleep(within(1500))
  isOpen = true
  for (const id of ids) expect(await server.untilEnded(id)).toMatchObject({ status: 'COMPLETED', error: null })
  await worker.drain()
  expect(most).toBe(20)
  expect(Math.max(...seen.heartbeats)).toBe(20)
  expect(seen.claims.length, 'claims of forty tasks').toBeLessThan(20)
  expect(seen.reports.length, 'reports of forty tasks').toBeLessThan(20)
  expect(seen.reports.reduce((sum, count) => sum + count, 0)).toBe(40)
})

it('reports that are too large together arrive one by one', async () => {
  const { path } = await register('large', 0)
  const ids = [await server.startExecution(path), await server.startExecution(path)]
  const { tasks: calls } = createClient({ url: server.url, key: KEY })
  const claimed: WorkerTask[] = []
  const claim = () => calls.claimSeveral({ pool: 'large', workerId: 'w', waitMs: 60_000, max: 2 })
  while (claimed.length < 2) claimed.push(...(await claim()))
  const completion = { result: { count: 1, text: 'x'.repeat(600_000) } }
  const results = await calls.completeSeveral(claimed.map((task) => ({ task, completion })))
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
  for (const id of ids) expect(await server.untilEnded(id)).toMatchObject({ status: 'COMPLETED' })
})

it('a result that is not JSON fails the attempt, and says where: it is not tried until the lease is lost', async () => {
  const client = createClient({ url: server.url, key: KEY })
  const result: Record<string, unknown> = { rows: [{ id: 1 }] }
  result['rows'] = [{ id: 1, of: result }]
  let runs = 0
  const worker = createWorker({
    client,
    pool: 'no_json',
    run: () => {
      runs += 1
      return { status: 'success', data: result as never }
    },
  })
  try {
    const { path } = await register('no_json', 0)
    const ended = await server.untilEnded(await server.startExecution(path))
    expect(ended).toMatchObject({
      status: 'FAILED',
      error: { code: 'TOOL_FAILED', message: 'the result is not JSON: result.rows[0].of contains itself' },
    })
    expect(runs).toBe(1)
    await until(() => worker.running === 0, 'the worker is free again')
  } finally {
    await worker.drain()
  }
})

it('a kind of its own is served by the workers of its pool, with all that a step may have', async () => {
  const client = createClient({ url: server.url, key: KEY })
  const pool = 'own_kind'
  const source = JSON.stringify({
    apiVersion: 'noetl.io/v1',
    kind: 'Playbook',
    metadata: { name: pool, path: `test/${pool}` },
    workload: { rows: 3 },
    workflow: [
      {
        step: 'start',
        pool,
        tool: {
          kind: 'pdf_report',
          query: 'limit {{ workload.rows }}',
          timeout: '5m',
          empty: '',
          none: null,
          at: [{ n: '{{ workload.rows }}' }],
        },
        vars: { first: '{{ result.input }}' },
        next: [{ step: 'with_args', args: { a: '{{ workload.rows + 1 }}' } }],
      },
      { step: 'with_args', pool, tool: { kind: 'my.tool-2' }, vars: { second: '{{ result.input }}' }, next: 'each' },
      {
        step: 'each',
        pool,
        tool: { kind: 'pdf_report', n: '{{ x }}' },
        loop: { in: [1, 2], iterator: 'x' },
        vars: { third: '{{ each | map(attribute="input.n") | list }}' },
        next: 'task',
      },
      {
        step: 'task',
        pool,
        tool: 'iterator',
        collection: [7],
        element: 'x',
        task: { tool: { kind: 'pdf_report', n: '{{ x }}' }, vars: { fourth: '{{ result.kind }} {{ result.input.n }}' } },
      },
    ],
  })
  const worker = createWorker({
    client,
    pool,
    run: (task) => ({ status: 'success', data: { kind: task.kind, input: task.input } }),
  })
  try {
    const id = await server.startExecution(await server.register(source))
    expect(await server.untilEnded(id)).toMatchObject({ status: 'COMPLETED', error: null })
    const { variables } = await client.listVariables(id)
    expect(Object.fromEntries(variables.map(({ name, value }) => [name, value]))).toMatchObject({
      first: { query: 'limit 3', timeout: '5m', empty: '', none: null, at: [{ n: 3 }] },
      second: { args: { a: 4 } },
      third: [1, 2],
      fourth: 'pdf_report 7',
    })
  } finally {
    await worker.drain()
  }
})

it('what a program asks with is JSON, or it is told where it is not, and nothing is sent', async () => {
  const client = createClient({ url: server.url, key: KEY })
  const workload = { since: new Date(0) }
  await expect(client.startExecution({ path: 'test/no_such', workload: workload as never })).rejects.toMatchObject({
    code: 'VALIDATION',
    message: expect.stringContaining('body.variables.input.workload.since is of class Date'),
  })
})

it('a worker with a wrong key ends with what to do', async () => {
  const worker = startWorker(server.url, ['--key', 'wrong'])
  workers.push(worker)
  expect(await worker.ended).toBe(1)
  expect(worker.output()).toContain('UNAUTHENTICATED')
})
