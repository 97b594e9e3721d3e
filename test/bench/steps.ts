import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { medianOf, report, tableOf } from './lib/report.js'
import type { Reached } from './lib/targets.js'
import { bullmq, type Contender, dbos, engine, type Measured } from './steps/contenders.js'
import type { EngineRequest } from './steps/engine.js'
import { ensurePeers, peerVersion } from './support/peers.js'

/**
 * `npm run bench:steps`: 100 executions of 20 steps each, beside BullMQ and DBOS; the embedded database beside PostgreSQL; what an
 * iteration costs as the list grows. TEST_DATABASE_URL and BENCH_REDIS_URL name other servers.
 */

/** Seven rounds of so short a load are too few: one ratio was then anywhere between 0.82 and 1.07. */
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 19)
/** 0 leaves the iterations out. */
const ITERATION_ROUNDS = Number(process.env['BENCH_ITERATIONS'] ?? 9)
const FLOWS = { executions: 100, steps: 20 }
/** A python step costs as much however many there are. */
const FEW = { executions: 10, steps: 20 }
const POSTGRES = process.env['TEST_DATABASE_URL'] ?? 'postgresql://postgres@127.0.0.1:5432/postgres'
const REDIS = process.env['BENCH_REDIS_URL'] ?? 'redis://127.0.0.1:6379'

interface Row {
  readonly name: string
  readonly contender: Contender
  readonly request: EngineRequest
  readonly results: Measured[]
}

const rateOf = ({ request }: Row, { seconds }: Measured): number => (request.executions * request.steps) / seconds
const medianRate = (row: Row): number => medianOf(row.results.map((result) => rateOf(row, result)))

function row(name: string, contender: Contender, request: EngineRequest): Row {
  return { name, contender, request, results: [] }
}

/** What a server that has run for a while has behind it: as much again, where that does not take long. */
function warmUpOf(request: EngineRequest): EngineRequest {
  if (request.kind === 'python') return { ...request, executions: Math.min(request.executions, 2) }
  return { ...request, steps: Math.min(request.steps, 1000) }
}

async function interleaved(rows: readonly Row[], rounds: number): Promise<void> {
  for (const { contender, request } of rows) await contender.run(warmUpOf(request))
  for (let round = 0; round < rounds; round += 1) {
    for (const { contender, request, results } of rows) results.push(await contender.run(request))
  }
}

function tableFor(rows: readonly Row[], unit: string): string {
  const columns = ['who', `${unit}s/s, median`, 'rounds', `CPU per ${unit}, µs`, 'of its server, µs', 'RSS, MB']
  const lines = rows.map((one) => {
    const count = one.request.executions * one.request.steps
    const rates = one.results.map((result) => Math.round(rateOf(one, result)))
    const cpu = medianOf(one.results.map((result) => (result.cpuSeconds * 1e6) / count))
    const server = medianOf(one.results.map((result) => (result.serverCpuSeconds * 1e6) / count))
    const rss = Math.max(...one.results.map((result) => result.rss)) / 1e6
    return [one.name, Math.round(medianRate(one)), rates.join(' '), Math.round(cpu), Math.round(server), Math.round(rss)]
  })
  return tableOf(columns, lines)
}

/** The median of the rounds' ratios: within one round the machine is as fast for both, from round to round it is not. */
function ratio(left: Row, right: Row): number {
  const rounds = left.results.map((result, round) => {
    const other = right.results[round]
    return other ? rateOf(left, result) / rateOf(right, other) : Number.NaN
  })
  return medianOf(rounds)
}
const shown = (left: Row, right: Row): string => ratio(left, right).toFixed(2)

/** A database of its own, and what drops it. */
async function createDatabase(client: pg.Client): Promise<{ url: string; drop: () => Promise<unknown> }> {
  const name = `transient_bench_${randomUUID().replaceAll('-', '')}`
  await client.query(`CREATE DATABASE ${name}`)
  const url = new URL(POSTGRES)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

/** Nothing of what ran may be missing: every step has its run, its two events, and its change. */
async function checkRecorded(url: string, rows: readonly Row[]): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const steps = (wanted: readonly Row[]) =>
    wanted.reduce((sum, { request }) => sum + (request.executions * ROUNDS + warmUpOf(request).executions) * request.steps, 0)
  const { rows: counted } = await client.query(
    `SELECT (SELECT count(*) FROM transient.step_run WHERE status = 'succeeded')::int AS runs,
       (SELECT count(*) FROM transient.event WHERE name IN ('step.started', 'step.completed'))::int AS events,
       (SELECT count(*) FROM noetl.transient_history)::int AS changes`,
  )
  await client.end()
  const runs = steps(rows)
  const expected = { runs, events: 2 * runs, changes: steps(rows.filter(({ request }) => request.kind === 'vars')) }
  if (JSON.stringify(counted[0]) !== JSON.stringify(expected)) {
    throw new Error(`recorded ${JSON.stringify(counted[0])}, expected ${JSON.stringify(expected)}`)
  }
  return `Recorded, and counted after the runs: ${runs} step runs, ${expected.events} events of theirs, ${expected.changes} changes of variables.`
}

interface Stage {
  readonly databases: { readonly ours: string; readonly theirs: string }
  readonly folder: string
}

interface Flows {
  readonly body: string[]
  readonly reached: Reached
  readonly postgres: Contender
  readonly embedded: Contender
}

async function measureFlows({ databases, folder }: Stage): Promise<Flows> {
  const postgres = await engine(databases.ours, folder)
  const embedded = await engine(null, folder)
  const peers = { bullmq: await bullmq(REDIS), dbos: await dbos(databases.theirs) }
  const noop = row('Transient, no-op', postgres, { kind: 'noop', ...FLOWS })
  const vars = row('Transient, each step writes a variable', postgres, { kind: 'vars', ...FLOWS })
  const python = row('Transient, python', postgres, { kind: 'python', ...FEW })
  const jobs = row('BullMQ', peers.bullmq, { kind: 'noop', ...FLOWS })
  const flows = row('DBOS', peers.dbos, { kind: 'noop', ...FLOWS })
  const small = row('Transient, embedded, no-op', embedded, { kind: 'noop', ...FLOWS })
  const smallVars = row('Transient, embedded, variables', embedded, { kind: 'vars', ...FLOWS })
  // What is compared stands side by side: the machine's speed changes within a round.
  const rows = [jobs, noop, small, vars, smallVars, flows, python]
  await interleaved(rows, ROUNDS)
  const recorded = await checkRecorded(databases.ours, [noop, vars, python])
  for (const contender of [peers.bullmq, peers.dbos]) await contender.end()
  const sentences = [
    `No-op steps: ${shown(noop, jobs)} of BullMQ, ${shown(noop, flows)} of DBOS; embedded ${shown(small, noop)} of PostgreSQL.`,
    `With a variable each: ${shown(vars, jobs)} of BullMQ, ${shown(vars, flows)} of DBOS; embedded ${shown(smallVars, vars)} of PostgreSQL.`,
  ]
  const reached = { bullmq: ratio(noop, jobs), dbos: ratio(noop, flows), embedded: ratio(small, noop) }
  return { body: [tableFor(rows, 'step'), sentences.join(' '), recorded], reached, postgres, embedded }
}

/** Both servers in turns, so that a busy neighbour slows both. */
async function measureIterations(postgres: Contender, embedded: Contender): Promise<{ body: string[]; growth: number }> {
  const of = (name: string, contender: Contender, steps: number) =>
    row(`${name}, ${steps} items`, contender, { kind: 'loop', executions: 1, steps })
  const pairs = [100, 10_000].map((steps) => [of('PostgreSQL', postgres, steps), of('embedded', embedded, steps)] as const)
  const rows = pairs.flat()
  await interleaved(rows, ITERATION_ROUNDS)
  const [first, last] = pairs
  if (!first || !last) throw new Error('two sizes are compared')
  const growths = [ratio(first[0], last[0]), ratio(first[1], last[1])]
  const besides = pairs.map(([other, own]) => shown(own, other))
  const sentence =
    `From 100 to 10,000 items an iteration costs ${growths[0]?.toFixed(2)} times as much (embedded: ${growths[1]?.toFixed(2)}); ` +
    `embedded ${besides.join(' and ')} of PostgreSQL.`
  return { body: [tableFor(rows, 'iteration'), sentence], growth: Math.max(...growths) }
}

async function main(): Promise<void> {
  ensurePeers()
  const client = new pg.Client({ connectionString: POSTGRES })
  await client.connect()
  const { rows: settings } = await client.query(
    "SELECT current_setting('fsync') AS fsync, current_setting('server_version') AS version",
  )
  const ours = await createDatabase(client)
  const theirs = await createDatabase(client)
  const folder = await mkdtemp(join(tmpdir(), 'transient-bench-'))
  try {
    const { body, reached, postgres, embedded } = await measureFlows({
      databases: { ours: ours.url, theirs: theirs.url },
      folder,
    })
    const loops = ITERATION_ROUNDS > 0 ? await measureIterations(postgres, embedded) : null
    body.push(...(loops?.body ?? []))
    const iterations = loops !== null && { iterations: loops.growth }
    for (const contender of [postgres, embedded]) await contender.end()
    const [{ version, fsync }] = settings
    const peers = [`BullMQ ${peerVersion('bullmq')}`, `DBOS ${peerVersion('@dbos-inc/dbos-sdk')}`]
    const versions = [`PostgreSQL ${version} (fsync ${fsync})`, ...peers]
    report({ ...{ name: 'steps', command: 'npm run bench:steps', versions, body }, reached: { ...reached, ...iterations } })
  } finally {
    for (const database of [ours, theirs]) await database.drop()
    await client.end()
    await rm(folder, { recursive: true })
  }
}

await main()
