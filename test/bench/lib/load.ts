import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { cpuSeconds, residentMib } from '../../support/process.js'

const CHILD = fileURLToPath(new URL('./load-child.ts', import.meta.url))

/** Requests one after the other on each connection. `@execution`, `@name` and `@value` in a body are drawn anew for each. */
export interface LoadRequest {
  /** Of an HTTP server, or of a database: then `body` is a statement with the parameters execution, name and value. */
  readonly url: string
  readonly path: string
  readonly headers: Record<string, string>
  /** null: GET. */
  readonly body: string | null
  readonly connections: number
  readonly seconds: number
  readonly executions: number
  /** 1 without it. */
  readonly firstExecution?: number
  readonly names: number
}

export interface LoadReport {
  readonly count: number
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly failure: string | null
}

export interface Measured extends LoadReport {
  /** The serving process's own, per request, in microseconds. */
  readonly cpuMicros: number
  readonly residentMib: number
}

/**
 * Makes a load in a process of its own, and reads what the serving process spent on it.
 * @throws Error when a request was not answered as it should
 */
export async function runLoad(request: LoadRequest, serverPid: number | null): Promise<Measured> {
  const before = serverPid === null ? 0 : cpuSeconds(serverPid)
  const child = fork(CHILD, { execArgv: ['--import', 'tsx'] })
  const report = await new Promise<LoadReport>((resolve, reject) => {
    child.once('message', (message) => resolve(message as LoadReport))
    child.once('exit', (code) => code !== 0 && reject(new Error(`the load's process ended with ${code}`)))
    child.send(request)
  })
  if (report.failure !== null) throw new Error(`${request.url}${request.path} answered ${report.failure}`)
  const seconds = serverPid === null ? Number.NaN : cpuSeconds(serverPid) - before
  const cpuMicros = (seconds * 1e6) / report.count
  return { ...report, cpuMicros, residentMib: serverPid === null ? Number.NaN : residentMib(serverPid) }
}
