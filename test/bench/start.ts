import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSeconds, endedChildrenCpuSeconds, residentMib } from '../support/process.js'
import { startTestServer } from '../support/server.js'
import { medianOf, report, tableOf } from './lib/report.js'

/**
 * `npm run bench:start`: a server with a PostgreSQL of its own, on a folder that is not there yet and on the same folder again: how long
 * until it is ready, the processor time of both, and what both hold in memory at rest.
 */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5)
/** Until what a start leaves behind (checkpoints, garbage) is done. */
const REST_MS = 5_000

interface Started {
  readonly seconds: number
  readonly serverCpu: number
  readonly databaseCpu: number
  readonly serverMib: number
  readonly databaseMib: number
}

const first: Started[] = []
const again: Started[] = []

for (let round = 0; round < ROUNDS; round += 1) {
  const folder = await mkdtemp(join(tmpdir(), 'transient-bench-start-'))
  try {
    first.push(await start(folder))
    again.push(await start(folder))
  } finally {
    await rm(folder, { recursive: true })
  }
}

const columns = [
  'start',
  'ready, s',
  'rounds',
  'CPU of the server, s',
  'CPU of PostgreSQL, s',
  'server, MiB',
  'PostgreSQL, MiB',
  'together',
]
const firstSeconds = medianOf(first.map(({ seconds }) => seconds))
const againSeconds = medianOf(again.map(({ seconds }) => seconds))
report({
  name: 'start',
  command: 'npm run bench:start',
  versions: [process.getuid?.() === 0 ? 'by root' : 'by an ordinary user'],
  body: [tableOf(columns, [rowOf('on a new folder', first), rowOf('on the same folder again', again)])],
  reached: {
    firstStart: firstSeconds,
    start: againSeconds,
    memory: medianOf(first.map(({ serverMib, databaseMib }) => serverMib + databaseMib)),
    databaseCpu: medianOf(first.map((one) => one.databaseCpu)),
  },
})

async function start(dataDir: string): Promise<Started> {
  const began = performance.now()
  const server = await startTestServer({ dataDir, env: { DATABASE_URL: '', NATS_URL: '' } })
  const seconds = (performance.now() - began) / 1000
  try {
    const postmaster = Number(readFileSync(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0])
    const serverCpu = cpuSeconds(server.pid())
    // With what made the database: `initdb` is a child of the server that has ended.
    const databaseCpu = cpuOfFamily(postmaster) + endedChildrenCpuSeconds(server.pid())
    await sleep(REST_MS)
    const database = familyOf(postmaster).reduce((sum, pid) => sum + sharedMib(pid), 0)
    return { seconds, serverCpu, databaseCpu, serverMib: residentMib(server.pid()), databaseMib: database }
  } finally {
    await server.close()
  }
}

/** A process and its children. */
function familyOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task/${pid}`).includes('children')
    ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    : []
  return [pid, ...children.filter(Boolean).map(Number)]
}

function cpuOfFamily(pid: number): number {
  return familyOf(pid).reduce((sum, one) => sum + cpuSeconds(one), 0)
}

/** Of memory that several processes share, each one's part: PostgreSQL's buffers count once. */
function sharedMib(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1024
}

function rowOf(name: string, starts: readonly Started[]): (string | number)[] {
  const middle = (figure: (one: Started) => number, digits: number) => medianOf(starts.map(figure)).toFixed(digits)
  return [
    name,
    middle((one) => one.seconds, 2),
    starts.map(({ seconds }) => seconds.toFixed(2)).join(' '),
    middle((one) => one.serverCpu, 2),
    middle((one) => one.databaseCpu, 2),
    middle((one) => one.serverMib, 0),
    middle((one) => one.databaseMib, 0),
    middle((one) => one.serverMib + one.databaseMib, 0),
  ]
}
