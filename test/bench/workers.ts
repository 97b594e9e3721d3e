import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { openPostgres } from '../support/postgres.js'
import { cpuSeconds } from '../support/process.js'
import { startTestServer } from '../support/server.js'
import { medianOf, report, tableOf } from './lib/report.js'
import { bullmq } from './steps/contenders.js'
import { cpuSecondsOf } from './steps/machine.js'
import { ensurePeers, peerVersion } from './support/peers.js'

/**
 * `npm run bench:workers`: 5,000 tasks of 50 executions, done by one worker of the SDK in a process of its own, 50 at a time; beside a worker of
 * BullMQ with as many jobs. On PostgreSQL alone, and with NATS.
 */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5)
const EXECUTIONS = 50
const ITEMS = 100
const TASKS = EXECUTIONS * ITEMS
const CONCURRENCY = 50
const POOL = 'bench'
const WORKER = fileURLToPath(new URL('./workers/worker.ts', import.meta.url))
const NATS = process.env['TEST_NATS_URL'] ?? 'nats://127.0.0.1:4222'
const REDIS = process.env['BENCH_REDIS_URL'] ?? 'redis://127.0.0.1:6379'
const playbook = `apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: bench_workers, path: bench/workers}
workflow:
- step: start
  type: iterator
  collection: "{{ workload.items }}"
  element: item
  mode: async
  concurrency: ${ITEMS}
  pool: ${POOL}
  task: {tool: {kind: python, code: "result = 1"}}
`

interface Round {
  readonly perSecond: number
  /** Of the server's process, and of PostgreSQL's or Redis', for each task. */
  readonly cpuMicros: number
  readonly storeMicros: number
}

interface Contender {
  readonly name: string
  readonly rounds: Round[]
  run(): Promise<Round>
  close(): Promise<void>
}

async function transient(name: string, env: Readonly<Record<string, string>>): Promise<Contender> {
  const server = await startTestServer({ env })
  const worker: ChildProcess = fork(WORKER, [server.url, POOL, String(CONCURRENCY)], { execArgv: ['--import', 'tsx'] })
  await once(worker, 'message')
  const path = await server.register(playbook)
  const items = Array.from({ length: ITEMS }, (_, index) => index)
  return {
    name,
    rounds: [],
    async run() {
      const [before, stored] = [cpuSeconds(server.pid()), cpuSecondsOf('postgres')]
      const began = performance.now()
      const ids = await Promise.all(Array.from({ length: EXECUTIONS }, () => server.startExecution(path, { items })))
      for (const id of ids) {
        const { status, error } = await server.untilEnded(id, 300_000)
        if (status !== 'COMPLETED') throw new Error(`an execution ended as ${status}: ${error?.message}`)
      }
      const perSecond = (TASKS * 1000) / (performance.now() - began)
      const [after, storedAfter] = [cpuSeconds(server.pid()), cpuSecondsOf('postgres')]
      return { perSecond, cpuMicros: ((after - before) * 1e6) / TASKS, storeMicros: ((storedAfter - stored) * 1e6) / TASKS }
    },
    async close() {
      const gone = once(worker, 'exit')
      worker.disconnect()
      await gone
      await server.close()
    },
  }
}

async function yardstick(): Promise<Contender> {
  const peer = await bullmq(REDIS, CONCURRENCY)
  return {
    name: 'BullMQ',
    rounds: [],
    async run() {
      const { seconds, cpuSeconds: used, serverCpuSeconds } = await peer.run({ kind: 'noop', executions: TASKS, steps: 1 })
      return { perSecond: TASKS / seconds, cpuMicros: (used * 1e6) / TASKS, storeMicros: (serverCpuSeconds * 1e6) / TASKS }
    },
    close: peer.end,
  }
}

async function main(): Promise<void> {
  ensurePeers()
  const postgres = openPostgres()
  const contenders = [
    await transient('Transient, PostgreSQL', { DATABASE_URL: await postgres.createDatabase(), NATS_URL: '' }),
    await transient('Transient, PostgreSQL and NATS', { DATABASE_URL: await postgres.createDatabase(), NATS_URL: NATS }),
    await yardstick(),
  ]
  try {
    for (const { run } of contenders) await run()
    for (let round = 0; round < ROUNDS; round += 1) for (const { run, rounds } of contenders) rounds.push(await run())
  } finally {
    for (const { close } of contenders) await close()
    await postgres.close()
  }
  const medianBy = ({ rounds }: Contender, figure: (round: Round) => number) => medianOf(rounds.map(figure))
  const columns = ['who', 'tasks/s, median', 'rounds', 'CPU of the server for a task, µs', 'of PostgreSQL or Redis, µs']
  const lines = contenders.map((one) => [
    one.name,
    Math.round(medianBy(one, ({ perSecond }) => perSecond)),
    one.rounds.map(({ perSecond }) => Math.round(perSecond)).join(' '),
    Math.round(medianBy(one, ({ cpuMicros }) => cpuMicros)),
    Math.round(medianBy(one, ({ storeMicros }) => storeMicros)),
  ])
  const [ours] = contenders as [Contender]
  report({
    name: 'workers',
    command: 'npm run bench:workers',
    versions: [`BullMQ ${peerVersion('bullmq')}`],
    body: [tableOf(columns, lines)],
    reached: {
      workerTasks: medianBy(ours, ({ perSecond }) => perSecond),
      workerCpu: medianBy(ours, ({ cpuMicros }) => cpuMicros / 1000),
    },
  })
}

await main()
