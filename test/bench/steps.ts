import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { bullmq, type Contender, dbos, engine, type Measured } from './steps/contenders.js'
import type { EngineRequest } from './steps/engine.js'
import { ensurePeers, peerVersion } from './support/peers.js'

/**
 * `npm run bench:steps`: 100 executions of 20 steps each, beside BullMQ and DBOS; the embedded database beside PostgreSQL; what an
 * iteration costs as the list grows; the start on an existing folder. TEST_DATABASE_URL and BENCH_REDIS_URL name other servers.
 */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
const FLOWS = { executions: 100, steps: 20 }
const POSTGRES = process.env['TEST_DATABASE_URL'] ?? 'postgresql://postgres@127.0.0.1:5432/postgres'
const REDIS = process.env['BENCH_REDIS_URL'] ?? 'redis://127.0.0.1:6379'

interface Row {
  readonly name: string
  readonly contender: Contender
  readonly request: EngineRequest
  readonly results: Measured[]
}

const rateOf = ({ request }: Row, { seconds }: Measured): number => (request.executions * request.steps) / seconds
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const medianRate = (row: Row): number => median(row.results.map((result) => rateOf(row, result)))

function row(name: string, contender: Contender, request: EngineRequest): Row {
  return { name, contender, request, results: [] }
}

async function interleaved(rows: readonly Row[], rounds: number): Promise<void> {
  for (const { contender, request } of rows) await contender.run({ ...request, executions: Math.min(request.executions, 20) })
  for (let round = 0; round < rounds; round += 1) {
    for (const { contender, request, results } of rows) results.push(await contender.run(request))
  }
}

function print(rows: readonly Row[], unit: string): void {
  console.info(`\n| who | ${unit}/s, median | rounds | CPU per ${unit}, µs | of its server, µs | RSS, MB |`)
  console.info('|---|---|---|---|---|---|')
  for (const one of rows) {
    const count = one.request.executions * one.request.steps
    const rates = one.results.map((result) => Math.round(rateOf(one, result)))
    const cpu = median(one.results.map((result) => (result.cpuSeconds * 1e6) / count))
    const server = median(one.results.map((result) => (result.serverCpuSeconds * 1e6) / count))
    const rss = Math.max(...one.results.map((result) => result.rss)) / 1e6
    const cells = [one.name, Math.round(medianRate(one)), rates.join(' '), Math.round(cpu), Math.round(server), Math.round(rss)]
    console.info(`| ${cells.join(' | ')} |`)
  }
}

/** A database of its own, and what drops it. */
async function createDatabase(client: pg.Client): Promise<{ url: string; drop: () => Promise<unknown> }> {
  const name = `transient_bench_${randomUUID().replaceAll('-', '')}`
  await client.query(`CREATE DATABASE ${name}`)
  const url = new URL(POSTGRES)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

/** Nothing of what ran may be missing: every step has its run, its two events, and its change. */
async function checkRecorded(url: string, rows: readonly Row[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const steps = (wanted: readonly Row[]) =>
    wanted.reduce((sum, { request }) => sum + (request.executions * ROUNDS + Math.min(request.executions, 20)) * request.steps, 0)
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
  console.info(`\nrecorded: ${JSON.stringify(expected)}`)
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
  console.info(
    `${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}, PostgreSQL ${settings[0].version}, fsync ${settings[0].fsync}, ` +
      `BullMQ ${peerVersion('bullmq')}, DBOS ${peerVersion('@dbos-inc/dbos-sdk')}`,
  )

  const postgres = await engine(ours.url, folder)
  const embedded = await engine(null, folder)
  const peers = { bullmq: await bullmq(REDIS), dbos: await dbos(theirs.url) }
  const noop = row('Transient, no-op', postgres, { kind: 'noop', ...FLOWS })
  const vars = row('Transient, each step writes a variable', postgres, { kind: 'vars', ...FLOWS })
  const python = row('Transient, python', postgres, { kind: 'python', ...FLOWS })
  const jobs = row('BullMQ', peers.bullmq, { kind: 'noop', ...FLOWS })
  const flows = row('DBOS', peers.dbos, { kind: 'noop', ...FLOWS })
  const small = row('Transient, embedded, no-op', embedded, { kind: 'noop', ...FLOWS })
  const smallVars = row('Transient, embedded, variables', embedded, { kind: 'vars', ...FLOWS })
  const rows = [noop, jobs, vars, flows, small, python, smallVars]
  await interleaved(rows, ROUNDS)
  print(rows, 'step')
  const ratio = (left: Row, right: Row) => (medianRate(left) / medianRate(right)).toFixed(2)
  console.info(
    `\nno-op: ${ratio(noop, jobs)} x BullMQ, ${ratio(noop, flows)} x DBOS; embedded ${ratio(small, noop)} of PostgreSQL`,
  )
  console.info(
    `variables: ${ratio(vars, jobs)} x BullMQ, ${ratio(vars, flows)} x DBOS; embedded ${ratio(smallVars, vars)} of PostgreSQL`,
  )
  await checkRecorded(ours.url, [noop, vars, python])

  for (const [name, contender] of [
    ['PostgreSQL', postgres],
    ['embedded', embedded],
  ] as const) {
    const sizes = [100, 1_000, 10_000].map((steps) =>
      row(`${name}, ${steps} items`, contender, { kind: 'loop', executions: 1, steps }),
    )
    await interleaved(sizes, ROUNDS)
    print(sizes, 'iteration')
    const [first, , last] = sizes
    if (first && last) console.info(`\n100 -> 10,000 items: an iteration costs ${ratio(first, last)} x`)
  }

  for (const contender of [postgres, embedded, peers.bullmq, peers.dbos]) await contender.end()
  const again = await engine(null, folder)
  console.info(`\nstart on the existing embedded folder: ${again.startedInSeconds.toFixed(2)} s until ready`)
  await again.end()
  for (const database of [ours, theirs]) await database.drop()
  await client.end()
  await rm(folder, { recursive: true })
}

await main()
