import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { within } from './pace.js'
import { ROOT } from './paths.js'

/** A real worker process, killed at the end of the tests if nobody did before. */
export interface WorkerProcess {
  readonly pid: number
  readonly output: () => string
  signal(name: NodeJS.Signals): void
  /** Waits for its end: its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

const living = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** Starts a program as a worker. */
export function startProcess(command: string, args: readonly string[], env: Record<string, string> = {}): WorkerProcess {
  const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  living.add(child)
  let output = ''
  const add = (text: string) => {
    output += text
  }
  child.stdout.setEncoding('utf8').on('data', add)
  child.stderr.setEncoding('utf8').on('data', add)
  const ended = once(child, 'close').then(([code, signal]) => {
    living.delete(child)
    return (signal ?? code) as number | NodeJS.Signals
  })
  return { pid: child.pid ?? 0, output: () => output, signal: (name) => void child.kill(name), ended }
}

/** `transient worker`, as an operator starts it. */
export function startWorker(url: string, args: readonly string[], env: Record<string, string> = {}): WorkerProcess {
  return startProcess(process.execPath, [join(ROOT, 'dist/cli/main.js'), 'worker', '--url', url, ...args], env)
}

/** Waits until it is so; `withinMs` is for an idle machine. */
export async function until(isTrue: () => boolean | Promise<boolean>, what: string, withinMs = 20_000): Promise<void> {
  const deadline = Date.now() + within(withinMs)
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`after ${within(withinMs)} ms still not: ${what}`)
    await sleep(30)
  }
}
