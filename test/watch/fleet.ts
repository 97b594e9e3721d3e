import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Line, startLine } from '../support/line.js'
import { openPostgres } from '../support/postgres.js'
import { freePort, startTestServer, type TestServer } from '../support/server.js'

/** Several API processes on one PostgreSQL and one NATS, which they reach over a line that can be cut. */
export interface Fleet {
  readonly servers: readonly TestServer[]
  readonly urls: readonly string[]
  readonly natsLine: Line
  close(): Promise<void>
}

const natsServers = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of natsServers) child.kill('SIGKILL')
})

/** Starts the processes; null, said aloud, where PostgreSQL or `nats-server` is missing. */
export async function startFleet(count: number): Promise<Fleet | null> {
  const nats = await startNats()
  if (nats === null) {
    console.warn('SKIPPED: no nats-server can be started, so watching over several processes is not checked here')
    return null
  }
  const postgres = openPostgres()
  const natsLine = await startLine(nats.port)
  const servers: TestServer[] = []
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close()))
    await natsLine.close()
    await nats.close()
    await postgres.close()
  }
  try {
    const env = { DATABASE_URL: await postgres.createDatabase(), NATS_URL: `nats://127.0.0.1:${natsLine.port}` }
    for (let index = 0; index < count; index += 1) servers.push(await startTestServer({ env }))
    return { servers, urls: servers.map(({ url }) => url), natsLine, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** A `nats-server` of one's own, or null where there is none to run. */
export async function startNats(): Promise<{ readonly port: number; readonly pid: number; close(): Promise<void> } | null> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'transient-nats-'))
  const child = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder], { stdio: 'pipe' })
  natsServers.add(child)
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const isReady = await new Promise<boolean>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => text.includes('Server is ready') && resolve(true))
    void ended.then(() => resolve(false))
  })
  const close = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended
    natsServers.delete(child)
    rmSync(folder, { recursive: true, force: true })
  }
  if (isReady) return { port, pid: child.pid ?? 0, close }
  await close()
  return null
}
