import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startBackend } from '../support/backends.js'
import { cpuSeconds, residentMib } from '../support/process.js'
import { startNats } from '../watch/fleet.js'
import { createWriter } from '../watch/writer.js'
import { type Cell, medianOf, report, tableOf } from './lib/report.js'
import type { ClientsReport, ClientsRequest } from './watch/clients.js'
import { openKeyValue } from './watch/yardstick.js'

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
const SECONDS = 8
/** Silent for so long, what is missing will not come. */
const GIVEN_UP_MS = 5_000
const CLIENTS = fileURLToPath(new URL('./watch/clients.ts', import.meta.url))

/** Milliseconds. */
interface Latency {
  readonly p50: number
  readonly p99: number
}

interface Measured {
  readonly perSecond: number
  readonly cpuMicros: number
  readonly fromAnswer: Latency
  readonly fromSending: Latency
  readonly residentMib: number
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

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve) => child.once('message', (message) => resolve(message as T)))
}

async function reportOf(child: ChildProcess): Promise<ClientsReport> {
  const answered = answer<ClientsReport>(child)
  child.send('report')
  return answered
}

/**
 * Writes at a steady pace whatever becomes of them, then waits until all has come. A commit lies between the sending of its write
 * and the answer to it, so both are told.
 */
async function measure(side: Side, { subscribers, writesPerSecond }: Load): Promise<Measured> {
  const child = fork(CLIENTS, { execArgv: ['--import', 'tsx'] })
  const ready = answer(child)
  child.send({ ...side.request, count: subscribers } satisfies ClientsRequest)
  await ready
  const writes = SECONDS * writesPerSecond
  const began = now()
  const before = cpuSeconds(side.pid)
  const written: Promise<unknown>[] = []
  const sentAt: number[] = []
  const answeredAt: number[] = []
  for (let index = 0; index < writes; index += 1) {
    const due = began + (index * 1000) / writesPerSecond
    if (due > now()) await sleep(due - now())
    sentAt.push(now())
    const answered = side.write(`write ${index}`).then(() => {
      answeredAt[index] = now()
    })
    written.push(answered)
  }
  await Promise.all(written)
  let seen = await reportOf(child)
  while (seen.received < writes * subscribers && now() - seen.lastAt < GIVEN_UP_MS) {
    await sleep(100)
    seen = await reportOf(child)
  }
  const cpu = cpuSeconds(side.pid) - before
  const resident = residentMib(side.pid)
  child.send('end')
  const since = (times: readonly number[]) => latencyOf(seen.samples.map(({ write, at }) => at - (times[write] ?? Number.NaN)))
  return {
    perSecond: (seen.received * 1000) / (seen.lastAt - began),
    cpuMicros: (cpu * 1e6) / seen.received,
    ...{ fromAnswer: since(answeredAt), fromSending: since(sentAt) },
    residentMib: resident,
    isComplete: seen.received === writes * subscribers,
  }
}

function latencyOf(milliseconds: number[]): Latency {
  const sorted = milliseconds.sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99) }
}

const LATENCIES = ['p50 / p99 from the answer, ms', 'from sending, ms']
const COLUMNS = ['who', 'subscribers', 'writes/s', 'delivered/s', 'CPU per event, µs', ...LATENCIES, 'RSS, MiB', 'came']

function rowOf(name: string, load: Load, measured: Measured): Cell[] {
  const { perSecond, cpuMicros, fromAnswer, fromSending, isComplete } = measured
  const cells = [name, load.subscribers, load.writesPerSecond, Math.round(perSecond), cpuMicros.toFixed(1)]
  const latencies = [fromAnswer, fromSending].map(({ p50, p99 }) => `${p50.toFixed(1)} / ${p99.toFixed(1)}`)
  const row = [...cells, ...latencies, measured.residentMib.toFixed(0), isComplete ? 'all' : 'NOT ALL']
  console.info(row.join('  '))
  return row
}

/** Both sides in turn, so that a busy neighbour slows both. */
async function measureBoth(load: Load, sides: { ours: () => Side; theirs: () => Promise<Side | null> }): Promise<Both> {
  const ours = await measure(sides.ours(), load)
  const yardstick = await sides.theirs()
  return { load, ours, theirs: yardstick && (await measure(yardstick, load)) }
}

interface Both {
  readonly load: Load
  readonly ours: Measured
  readonly theirs: Measured | null
}

const rowsOf = ({ load, ours, theirs }: Both): Cell[][] => [
  rowOf('Transient', load, ours),
  ...(theirs === null ? [] : [rowOf('NATS KV', load, theirs)]),
]

/** `nats-server 2.9.10` */
function natsVersion(): string {
  const said = execFileSync('nats-server', ['--version'], { encoding: 'utf8' })
  return `nats-server ${/[\d.]+/.exec(said)?.[0]}`
}

/** Medians over the rounds, ours over theirs. */
function ratioOf(rounds: readonly Both[], figure: (measured: Measured) => number): number {
  return medianOf(rounds.map(({ ours, theirs }) => (theirs === null ? Number.NaN : figure(ours) / figure(theirs))))
}

async function main(): Promise<void> {
  const backend = await startBackend('postgresql')
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

  const wide: Load = { subscribers: 1_000, writesPerSecond: 100 }
  const quick: Load = { subscribers: 50, writesPerSecond: 200 }
  const rounds: Both[] = []
  for (let round = 1; round <= ROUNDS; round += 1) {
    rounds.push(await measureBoth(wide, { ours: () => ours(`94${round}`), theirs: () => natsSide(wide, `bench${round}`) }))
  }
  const quickRounds: Both[] = []
  for (let round = 1; round <= ROUNDS; round += 1) {
    const sides = { ours: () => ours(`94300${round}`), theirs: () => natsSide(quick, `quick${round}`) }
    quickRounds.push(await measureBoth(quick, sides))
  }
  const reached = {
    delivered: ratioOf(rounds, ({ perSecond }) => perSecond),
    perEvent: ratioOf(rounds, ({ cpuMicros }) => cpuMicros),
  }
  report({
    ...{ name: 'watch', command: 'npm run bench:watch', versions: [backend.name, ...(nats === null ? [] : [natsVersion()])] },
    ...(nats !== null && { reached }),
    body: [
      tableOf(COLUMNS, [...rounds, ...quickRounds].flatMap(rowsOf)),
      `With 1,000 subscribers: ${reached.delivered.toFixed(2)} of NATS' events (to be reached: 0.8), ${reached.perEvent.toFixed(2)} times its processor time (at most 2).`,
    ],
  })

  await bucket?.close()
  await writer.close()
  await nats?.close()
  await backend.close()
}

await main()
