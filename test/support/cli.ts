import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from './paths.js'

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface CliOptions {
  readonly url: string
  /** Shown to the server; by default none. */
  readonly key?: string | undefined
  readonly input?: string | undefined
}

/** Starts the command line as a process of its own. */
export function launchCli(args: readonly string[], { url, key = '' }: CliOptions): ChildProcessWithoutNullStreams {
  const env = { ...process.env, TRANSIENT_URL: url, TRANSIENT_KEY: key }
  return spawn(process.execPath, [join(ROOT, 'bin/transient.js'), ...args], { cwd: ROOT, env })
}

/** Runs a command to its end. */
export function runCli(args: readonly string[], options: CliOptions): Promise<Ran> {
  const child = launchCli(args, options)
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  child.stdin.end(options.input ?? '')
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })))
}
