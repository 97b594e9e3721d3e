import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { within } from './pace.js'
import { freePort } from './server.js'

const DEFAULT_URL = 'nats://127.0.0.1:4222'

/** The NATS server for tests (TEST_NATS_URL, or the local one), or null. */
export async function findNats(): Promise<string | null> {
  const given = process.env['TEST_NATS_URL']
  const url = given ?? DEFAULT_URL
  try {
    const connection = await connect({ servers: url.replace(/^nats:\/\//, ''), timeout: within(1000), reconnect: false })
    const hasJetStream = connection.info?.jetstream === true
    await connection.close()
    return hasJetStream ? url : null
  } catch (error) {
    if (given !== undefined) throw new Error('TEST_NATS_URL is set, but its server does not answer', { cause: error })
    return null
  }
}

/** A prefix that no other test uses, and the removal of what was made under it. */
export function uniquePrefix(url: string): { readonly prefix: string; remove(): Promise<void> } {
  const prefix = `test-${randomUUID()}`
  return {
    prefix,
    async remove() {
      const connection = await connect({ servers: url.replace(/^nats:\/\//, '') })
      const manager = await jetstreamManager(connection)
      await manager.streams.delete(`${prefix}_STEPS`).catch(() => undefined)
      await connection.close()
    },
  }
}

/** A NATS server of its own, to be killed. */
export interface TestNats {
  readonly url: string
  start(): Promise<void>
  /** kill -9, and wait until it is gone. */
  kill(): Promise<void>
  /** Deletes what it stored; for a server that was killed. */
  wipe(): void
  close(): Promise<void>
}

const living = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** Whether this machine can run a NATS server. */
export const hasNatsServer = spawnSync('nats-server', ['--version']).status === 0

export interface TestNatsOptions {
  readonly hasJetStream?: boolean
  /** Further arguments of `nats-server`. */
  readonly args?: readonly string[]
}

/** Starts `nats-server` on a free port and a folder of its own. */
export async function startTestNats({ hasJetStream = true, args = [] }: TestNatsOptions = {}): Promise<TestNats> {
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'transient-nats-'))
  let child: ChildProcess | null = null

  async function kill(): Promise<void> {
    const killed = child
    child = null
    if (killed === null || killed.exitCode !== null || killed.signalCode !== null) return
    const gone = new Promise((resolve) => killed.once('exit', resolve))
    killed.kill('SIGKILL')
    await gone
  }

  async function start(): Promise<void> {
    const jetStream = hasJetStream ? ['-js', '-sd', dir] : []
    const started = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(port), ...jetStream, ...args], { stdio: 'ignore' })
    child = started
    living.add(started)
    started.once('exit', () => living.delete(started))
    await untilUp(port)
  }

  await start()
  return {
    url: `nats://127.0.0.1:${port}`,
    start,
    kill,
    wipe: () => rmSync(dir, { recursive: true, force: true }),
    async close() {
      await kill()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function untilUp(port: number): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      const connection = await connect({ servers: `127.0.0.1:${port}`, timeout: within(500), reconnect: false })
      await connection.close()
      return
    } catch (error) {
      if (tries === 100) throw error
      await sleep(50)
    }
  }
}

/** What says of itself that it is an old server: the greeting and the answers to PING are all that a client sees before it decides. */
export async function startOldNats(version: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const info = { server_id: 'OLD', server_name: 'old', version, proto: 1, headers: true, jetstream: true, max_payload: 1_048_576 }
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.write(`INFO ${JSON.stringify(info)}\r\n`)
    socket.on('data', (data) => data.includes('PING') && socket.write('PONG\r\n'))
  })
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `nats://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
