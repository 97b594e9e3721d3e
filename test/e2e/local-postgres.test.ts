import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { within } from '../support/pace.js'
import { createRandom } from '../support/random.js'
import { serveUntilExit, startTestServer, type TestServer } from '../support/server.js'
import { until } from '../support/worker.js'

const ID = '7200'
/** TEST_LONG=1 runs also what takes long; `.ci/run` does. */
const isLong = process.env['TEST_LONG'] === '1'
/** More than one connection may have. */
const MEMORY =
  "do $d$ declare a text := repeat('x', 900000000); b text := a || 'b'; c text := b || 'c'; begin perform length(c); end $d$"
/** TEST_KILLS takes more. */
const KILLS = process.env['TEST_KILLS'] ? Number(process.env['TEST_KILLS']) : 4

let server: TestServer | null = null
afterEach(async () => {
  await server?.close()
  server = null
})

async function write(value: number, name = 'n'): Promise<Response> {
  return fetch(`${server?.url}/api/vars/${ID}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ variables: { [name]: value }, source_step: 'test' }),
    signal: AbortSignal.timeout(30_000),
  })
}

const read = async (name: string) =>
  (await fetch(`${server?.url}/api/vars/${ID}/${name}`)).json() as Promise<{ readonly value: number }>
const health = async () => (await fetch(`${server?.url}/health/ready`)).json() as Promise<{ readonly database: string }>
const databasePid = (running: TestServer) =>
  Number(readFileSync(join(running.dataDir, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0])

describe('a server with a PostgreSQL of its own', () => {
  it('loses nothing that it acknowledged when it or its database is killed under writers', {
    timeout: within(180_000),
  }, async () => {
    server = await startTestServer()
    const running = server
    const random = createRandom('local-postgres')
    const acknowledged = new Map<string, number>()
    let isOver = false
    const writers = [0, 1, 2, 3, 4, 5].map(async (lane) => {
      const name = `w${lane}`
      for (let turn = 1; !isOver; turn += 1) {
        const isDone = await write(turn, name).then(
          (response) => response.ok,
          () => false,
        )
        if (isDone) acknowledged.set(name, turn)
      }
    })
    const total = () => [...acknowledged.values()].reduce((sum, value) => sum + value, 0)
    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = total()
      const target = before + 20 + Math.floor(random() * 40)
      await until(() => total() > target, 'the writers go on', 60_000)
      if (kill % 2 === 0) {
        const orphan = databasePid(running)
        await running.kill()
        await until(() => isGone(orphan), 'the database ends with its server', 5_000)
        await running.start()
      } else {
        process.kill(databasePid(running), 'SIGKILL')
        await until(async () => (await health().catch(() => null))?.database === 'up', 'the database runs again', 30_000)
      }
    }
    isOver = true
    await Promise.all(writers)
    await until(async () => (await running.rest('GET', `/api/vars/${ID}`)).status === 200, 'reads go on')
    const found = await running.variables(ID)
    for (const [name, value] of acknowledged)
      expect(found[name]?.value, `${name} of ${JSON.stringify(found)}`).toBeGreaterThanOrEqual(value)
    expect(total()).toBeGreaterThan(100)
  })

  it('refuses writes while the disk is full, reads on, and recovers by itself', { timeout: within(120_000) }, async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'transient-disk-'))
    if (!isMounted(folder)) {
      console.warn('SKIPPED: no file system can be mounted here, so a full disk is not checked')
      return context.skip()
    }
    try {
      server = await startTestServer({ dataDir: join(folder, 'data') })
      expect((await write(1)).status).toBe(200)
      writeFileSync(join(folder, 'ballast'), Buffer.alloc(240 * 1024 ** 2))
      await until(async () => (await write(2)).status === 503, 'writes are refused', 10_000)
      expect(await (await write(2)).text()).toContain('the disk of DATA_DIR is full: make room there')
      expect((await health()).database).toBe('read-only')
      const { value } = await read('n')
      rmSync(join(folder, 'ballast'))
      await until(async () => (await write(value + 1)).status === 200, 'writes go on', 15_000)
      expect((await health()).database).toBe('up')
      await server.close()
    } finally {
      server = null
      execFileSync('umount', ['--lazy', folder])
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('is not ready when its folder is gone, and says so', { timeout: within(60_000) }, async () => {
    server = await startTestServer()
    const { dataDir } = server
    renameSync(dataDir, `${dataDir}-away`)
    await until(async () => (await health()).database !== 'up', 'it is not ready', 10_000)
    expect(await (await write(1)).text()).toContain('the folder DATA_DIR is gone')
    renameSync(`${dataDir}-away`, dataDir)
    await until(async () => (await health()).database === 'up', 'it is ready again', 10_000)
    expect((await write(1)).status).toBe(200)
  })

  it('runs a step after one that asked the database for what it cannot give', { timeout: within(60_000) }, async () => {
    server = await startTestServer()
    const queries = [
      `copy (select 1) to program 'cat'`,
      'create table if not exists t (i int);\ncopy t from stdin',
      `select ${Array.from({ length: 100_000 }, () => '1').join('+')} as n`,
      'create or replace function deep(n int) returns int language sql as $f$ select deep(n + 1) $f$;\nselect deep(1)',
      ...(isLong ? [MEMORY] : []),
    ]
    const steps = queries.map((query, index) => ({
      step: `bad${index}`,
      ...{ tool: 'postgres', query, timeout: 30 },
      vars: { [`failed${index}`]: "{{ this.status == 'error' and this.error.code }}" },
      next: index + 1 < queries.length ? `bad${index + 1}` : 'good',
    }))
    const playbook = {
      ...{ apiVersion: 'noetl.io/v1', kind: 'Playbook', metadata: { name: 'greedy', path: 'tests/greedy' } },
      workflow: [
        { step: 'start', next: 'bad0' },
        ...steps.map(({ next, ...step }) => ({ ...step, next: [{ when: "{{ this.status == 'error' }}", step: next }] })),
        { step: 'good', tool: 'postgres', query: 'select 1 as one', vars: { one: '{{ result[0].one }}' } },
      ],
    }
    const path = await server.register(JSON.stringify(playbook))
    const id = await server.startExecution(path)
    expect((await server.untilEnded(id, 50_000)).status).toBe('COMPLETED')
    const variables = await server.variables(id)
    const values = Object.fromEntries(Object.entries(variables).map(([name, { value }]) => [name, value]))
    expect(values).toEqual({ ...Object.fromEntries(queries.map((_, index) => [`failed${index}`, 'TOOL_FAILED'])), one: 1 })
  })

  it('has flushed a lone write before it is answered', { timeout: within(60_000) }, async (context) => {
    server = await startTestServer()
    await write(0)
    const tracer = await traceFlushes(databasePid(server))
    if (tracer === null) {
      console.warn('SKIPPED: strace is not here, or may not look, so nobody sees what is flushed')
      return context.skip()
    }
    const writes: { readonly from: number; readonly to: number }[] = []
    for (let turn = 1; turn <= 20; turn += 1) {
      const from = Date.now()
      expect((await write(turn)).status).toBe(200)
      writes.push({ from, to: Date.now() })
    }
    const flushes = await tracer.stop()
    // The clocks are the same one; it is read in whole milliseconds here.
    const late = writes.filter(({ from, to }) => !flushes.some((at) => at >= from && at <= to + 1))
    expect(late).toEqual([])
  })

  it('tells a second server on its folder which process has it', { timeout: within(60_000) }, async () => {
    server = await startTestServer()
    const { code, output } = await serveUntilExit({ DATA_DIR: server.dataDir, PORT: '0' })
    expect(code).toBe(1)
    expect(output).toMatch(new RegExp(`in use by transient .+:${server.pid()}: stop that process`))
  })
})

/** Watches the calls that flush a file's data, of a database and of all its processes; null where that cannot be done. */
async function traceFlushes(postmaster: number): Promise<{ stop(): Promise<number[]> } | null> {
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim().split(' ')
  const pids = [String(postmaster), ...children].flatMap((pid) => ['-p', pid])
  const strace = spawn('strace', ['-f', '-ttt', '-e', 'trace=fdatasync', ...pids], { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  strace.stderr.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  const ended = new Promise<void>((resolve) => {
    strace.once('error', () => resolve())
    strace.once('close', () => resolve())
  })
  const isAttached = until(() => output.split(' attached').length > pids.length / 2, 'strace is attached', 10_000)
  if (!(await Promise.race([isAttached.then(() => true), ended.then(() => false)]).catch(() => false))) return null
  return {
    async stop() {
      strace.kill('SIGINT')
      await ended
      return output
        .split('\n')
        .filter((line) => line.includes('fdatasync'))
        .map((line) => 1000 * Number(/\d+\.\d+/.exec(line)?.[0]))
    },
  }
}

function isMounted(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400m', 'tmpfs', folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}
