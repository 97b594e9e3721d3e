import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, type TransientClient } from './client.js'
import { within } from './pace.js'
import { ROOT } from './paths.js'

export interface ServerSettings {
  /** Environment beside the defaults; an empty string unsets one. */
  readonly env?: Readonly<Record<string, string>>
  /** An existing folder instead of a temporary one; it is not removed. */
  readonly dataDir?: string
  readonly readyWithinMs?: number
}

/** A real `transient serve` process, driven like any client would. */
export interface TestServer extends TransientClient {
  readonly url: string
  readonly dataDir: string
  readonly pid: () => number
  /** All that the process printed, over all its lives. */
  readonly output: () => string
  /** kill -9, and wait until it is gone. */
  kill(): Promise<void>
  /** Starts the process again on the same port, folder and settings, and waits until it is ready; answers how long that took. */
  start(): Promise<number>
  /** SIGTERM, and remove what the test left. */
  close(): Promise<void>
}

export interface Ended {
  readonly code: number | null
  readonly output: string
}

/** As `npm start` has it. */
const COMMAND = ['--max-semi-space-size=32', join(ROOT, 'dist/cli/main.js'), 'serve']
const living = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** Starts a server on a free port and a folder of its own, and waits for `/health/ready`. */
export async function startTestServer(settings: ServerSettings = {}): Promise<TestServer> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const dataDir = settings.dataDir ?? mkdtempSync(join(tmpdir(), 'transient-test-'))
  const env = serverEnvironment({ PORT: String(port), DATA_DIR: dataDir, ...settings.env })
  let output = ''
  let child: ChildProcess | null = null

  async function start(): Promise<number> {
    const began = performance.now()
    const started = spawnServer(env, (text) => {
      output += text
    })
    child = started
    await untilReady({ url, child: started, withinMs: within(settings.readyWithinMs ?? 60_000), output: () => output })
    return performance.now() - began
  }

  async function stop(signal: NodeJS.Signals): Promise<void> {
    if (child !== null) await end(child, signal)
    child = null
  }

  try {
    await start()
  } catch (error) {
    await stop('SIGKILL')
    throw error
  }
  return {
    ...createClient(url, settings.env?.['ADMIN_KEY']),
    url,
    dataDir,
    pid: () => child?.pid ?? 0,
    output: () => output,
    kill: () => stop('SIGKILL'),
    start,
    async close() {
      await stop('SIGTERM')
      if (settings.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** Runs `transient serve` with settings that must make it end by itself, and answers how it ended. */
export async function serveUntilExit(env: Readonly<Record<string, string>>, withinMs = 30_000): Promise<Ended> {
  let output = ''
  const child = spawnServer(serverEnvironment(env), (text) => {
    output += text
  })
  const code = await Promise.race([ended(child), sleep(within(withinMs), 'running' as const, { ref: false })])
  if (code !== 'running') return { code, output }
  await end(child, 'SIGKILL')
  throw new Error(`the server should have refused to start, but still runs:\n${output}`)
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

const OWN_SETTINGS = [
  'DATABASE_URL',
  'NATS_URL',
  'ADMIN_KEY',
  'ADMIN_KEY_FILE',
  'CONNECTIONS',
  'CREDENTIALS',
  'HOST',
  'ALLOW_HOSTS',
  'ALLOW_INSECURE',
]

function serverEnvironment(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !OWN_SETTINGS.includes(name))
  return { ...Object.fromEntries(inherited), LOG_LEVEL: 'warn', ...env }
}

function spawnServer(env: NodeJS.ProcessEnv, onOutput: (text: string) => void): ChildProcess {
  const child = spawn(process.execPath, COMMAND, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
  living.add(child)
  child.once('exit', () => living.delete(child))
  child.stdout.setEncoding('utf8').on('data', onOutput)
  child.stderr.setEncoding('utf8').on('data', onOutput)
  return child
}

interface Waiting {
  readonly url: string
  readonly child: ChildProcess
  readonly withinMs: number
  readonly output: () => string
}

async function untilReady({ url, child, withinMs, output }: Waiting): Promise<void> {
  const deadline = Date.now() + withinMs
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the server ended before it was ready:\n${output()}`)
    const isReady = await fetch(`${url}/health/ready`).then(
      (response) => response.ok,
      () => false,
    )
    if (isReady) return
    await sleep(50)
  }
  throw new Error(`the server was not ready within ${withinMs} ms:\n${output()}`)
}

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => child.once('close', (code) => resolve(code)))
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = ended(child)
  child.kill(signal)
  const outcome = await Promise.race([gone, sleep(within(15_000), 'slow' as const, { ref: false })])
  if (outcome !== 'slow') return
  child.kill('SIGKILL')
  await gone
}
