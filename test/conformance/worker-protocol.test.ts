import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { within } from '../support/pace.js'
import { ROOT } from '../support/paths.js'
import { startTestServer, type TestServer } from '../support/server.js'
import { startProcess } from '../support/worker.js'
import { createBench, RULES } from './worker-protocol.js'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer({ env: { LEASE_SECONDS: String(within(2.5)) } })
})
afterAll(async () => {
  await server?.close()
})

describe('the worker protocol of docs/protocol.md', () => {
  it.each(RULES.map((rule) => [rule.id, rule.title, rule] as const))('%s: %s', async (_id, _title, rule) => {
    await rule.check(await createBench(server.url))
  })
})

it('transient/sdk is what a program imports', async () => {
  const script = "import('transient/sdk').then((sdk) => console.info(Object.keys(sdk).sort().join()))"
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { cwd: ROOT })
  expect(stdout.trim()).toBe(
    'LosslessNumber,TransientError,UnreachableError,createClient,createTaskClient,createWorker,isTransientError',
  )
})

it('examples/worker.py runs a pool with real Python', async () => {
  const playbook = JSON.stringify({
    apiVersion: 'noetl.io/v2',
    kind: 'Playbook',
    metadata: { name: 'foreign', path: 'test/foreign-python' },
    workflow: [
      {
        step: 'start',
        tool: 'python',
        code: 'result = None',
        args: { numbers: [1, 2, 3] },
        pool: 'foreign',
        vars: { total: '{{ result.sum }}' },
      },
    ],
  })
  const path = await server.register(playbook)
  const worker = startProcess('python3', [join(ROOT, 'examples/worker.py'), server.url, 'foreign'])
  try {
    for (const id of [await server.startExecution(path), await server.startExecution(path)]) {
      expect(await server.untilEnded(id)).toMatchObject({ status: 'COMPLETED', error: null })
      const variables = await server.variables(id)
      expect(variables['total']?.value).toBe(6)
      expect(variables['numbers_seen']).toMatchObject({ value: 3, source_step: 'start' })
      expect((await server.history(id)).map(({ actor }) => actor)).toEqual(['step:start', 'step:start'])
      expect((await server.steps(id))[0]?.result).toMatchObject({ key: `${id}:start:1:` })
    }
    worker.signal('SIGTERM')
    expect(await worker.ended, worker.output()).toBe(0)
  } finally {
    worker.signal('SIGKILL')
  }
})

it('examples/worker.py ends a task in its time, reports TIMEOUT, and goes on with the next', async () => {
  const playbook = JSON.stringify({
    apiVersion: 'noetl.io/v2',
    kind: 'Playbook',
    metadata: { name: 'endless', path: 'test/endless-python' },
    workload: { numbers: [] },
    workflow: [
      {
        step: 'start',
        timeout: 1,
        tool: { kind: 'python', code: 'pass', args: { numbers: '{{ workload.numbers }}' } },
        pool: 'endless',
      },
    ],
  })
  const path = await server.register(playbook)
  const slow = `import sys; source = open(${JSON.stringify(join(ROOT, 'examples/worker.py'))}).read()
exec(source.replace('    numbers = task', '    if not task["input"]["args"]["numbers"]: time.sleep(60)\\n    numbers = task'))`
  const worker = startProcess('python3', ['-c', slow, server.url, 'endless'])
  try {
    const stuck = await server.untilEnded(await server.startExecution(path))
    expect(stuck.error, worker.output()).toMatchObject({ code: 'TIMEOUT', message: 'no result after 1.0 s' })
    expect(await server.untilEnded(await server.startExecution(path, { numbers: [1] }))).toMatchObject({ status: 'COMPLETED' })
  } finally {
    worker.signal('SIGKILL')
  }
})

it('createWorker of the SDK reports TIMEOUT of a tool that does not stop, and goes on with the next', async () => {
  const playbook = JSON.stringify({
    apiVersion: 'noetl.io/v2',
    kind: 'Playbook',
    metadata: { name: 'deaf', path: 'test/deaf-sdk' },
    workflow: [{ step: 'start', timeout: 0.5, tool: { kind: 'python', code: 'pass' }, pool: 'deaf' }],
  })
  const path = await server.register(playbook)
  const program = `const { createWorker } = await import('transient/sdk'); let count = 0
createWorker({ url: ${JSON.stringify(server.url)}, pool: 'deaf', run: (_task, { log }) => {
  log('began'); count += 1
  return count > 1 ? { status: 'success', data: count } : new Promise(() => undefined)
} })`
  const worker = startProcess(process.execPath, ['--input-type=module', '-e', program])
  try {
    const stuck = await server.untilEnded(await server.startExecution(path))
    expect(stuck.error, worker.output()).toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('the tool was stopped'),
    })
    expect(await server.untilEnded(await server.startExecution(path))).toMatchObject({ status: 'COMPLETED' })
  } finally {
    worker.signal('SIGKILL')
  }
})
