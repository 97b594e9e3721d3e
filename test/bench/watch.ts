import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startBackend } from '../support/backends.js'
import { startNats } from '../watch/fleet.js'
import { createWriter } from '../watch/writer.js'
import type { ClientsReport, ClientsRequest } from './watch/clients.js'
import { openKeyValue } from './watch/yardstick.js'

const SECONDS = 8
/** Silent for so long, what is missing will not come. */
const GIVEN_UP_MS = 5_000
const TICKS_PER_SECOND = 100
const CLIENTS = fileURLToPath(new URL('./watch/clients.ts', import.meta.url))

interface Measured {
  readonly perSecond: number
  readonly cpuMicros: number
  readonly p50: number
  readonly p99: number
  readonly isComplete: boolean
}

interface Load {
  readonly subscribers: number
  readonly writesPerSecond: number
}

interface Side {
  readonly request: Omit<ClientsRequest, 'count'>
  /** Processes whose processor time is the price of delivering. */
  readonly pid: number
  write(value: string): Promise<unknown>
}

const now = (): number => performance.timeOrigin + performance.now()

/** Processor time that a process has used, in seconds. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve) => child.once('message', (message) => resolve(message as T)))
}

async function report(child: ChildProcess): Promise<ClientsReport> {
  const answered = answer<ClientsReport>(child)
  child.send('report')
  return answered
}

/** Writes at a steady pace whatever becomes of them, then waits until all has come. */
async function measure(side: Side, { subscribers, writesPerSecond }: Load): Promise<Measured> {
  const child = fork(CLIENTS, { execArgv: ['--import', 'tsx'] })
  const ready = answer(child)
  child.send({ ...side.request, count: subscribers } satisfies ClientsRequest)
  await ready
  const writes = SECONDS * writesPerSecond
  const began = now()
  const before = cpuSeconds(side.pid)
  const written: Promise<unknown>[] = []
  for (let index = 0; index < writes; index += 1) {
    const due = began + (index * 1000) / writesPerSecond
    if (due > now()) await sleep(due - now())
    written.push(side.write(`at ${now().toFixed(3)} ${index}`))
  }
  await Promise.all(written)
  let seen = await report(child)
  while (seen.received < writes * subscribers && now() - seen.lastAt < GIVEN_UP_MS) {
    await sleep(100)
    seen = await report(child)
  }
  const cpu = cpuSeconds(side.pid) - before
  child.send('end')
  const sorted = [...seen.latenciesMs].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return {
    perSecond: (seen.received * 1000) / (seen.lastAt - began),
    cpuMicros: (cpu * 1e6) / seen.received,
    ...{ p50: at(0.5), p99: at(0.99) },
    isComplete: seen.received === writes * subscribers,
  }
}

function row(name: string, load: Load, { perSecond, cpuMicros, p50, p99, isComplete }: Measured): void {
  const cells = [name, load.subscribers, load.writesPerSecond, Math.round(perSecond), cpuMicros.toFixed(1)]
  console.info(`| ${[...cells, p50.toFixed(1), p99.toFixed(1), isComplete ? 'all' : 'NOT ALL'].join(' | ')} |`)
}

async function main(): Promise<void> {
  const backend = (await startBackend('postgresql')) ?? (await startBackend('embedded'))
  const nats = await startNats()
  if (backend === null) throw new Error('no server could be started')
  const { server } = backend
  const writer = createWriter(server.url, undefined, 32)
  const bucket = nats === null ? null : await openKeyValue(nats.port)
  if (bucket === null) console.warn('SKIPPED: no nats-server can be started, so there is no yardstick here')
  const natsSide = async (load: Load, topic: string): Promise<Side | null> => {
    if (bucket === null || nats === null) return null
    await bucket.addWatchers(load.subscribers, topic)
    return { request: { kind: 'nats', port: nats.port, topic }, pid: nats.pid, write: bucket.put }
  }
  const ours = (executionId: string): Side => ({
    request: { kind: 'transient', port: Number(new URL(server.url).port), topic: executionId },
    pid: server.pid(),
    write: (value) => writer.write({ executionId, values: { n: value } }),
  })

  console.info(`${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}, database ${backend.name}\n`)
  console.info('| who | subscribers | writes/s | delivered/s | CPU per event, µs | p50, ms | p99, ms | came |')
  console.info('|---|---|---|---|---|---|---|---|')
  const wide: Load = { subscribers: 1_000, writesPerSecond: 100 }
  for (const round of [1, 2]) {
    row('Transient', wide, await measure(ours(`94${round}`), wide))
    const side = await natsSide(wide, `bench${round}`)
    if (side !== null) row('NATS KV', wide, await measure(side, wide))
  }
  const quick: Load = { subscribers: 50, writesPerSecond: 200 }
  row('Transient', quick, await measure(ours('943'), quick))
  const side = await natsSide(quick, 'bench3')
  if (side !== null) row('NATS KV', quick, await measure(side, quick))

  await bucket?.close()
  await writer.close()
  await nats?.close()
  await backend.close()
}

await main()
