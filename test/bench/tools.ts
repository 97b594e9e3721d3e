import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { openPostgres } from '../support/postgres.js'
import { cpuSeconds } from '../support/process.js'
import { startTestServer } from '../support/server.js'
import { medianOf, report, tableOf } from './lib/report.js'

/**
 * `npm run bench:tools`: asynchronous iterators whose step is a call over HTTP, or a statement of PostgreSQL, 16 at a time, against servers of this machine;
 * beside undici and `pg` that are called in a loop, 16 at a time, in a process of their own.
 */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5)
const ITEMS = Number(process.env['BENCH_ITEMS'] ?? 3_000)
/** A yardstick's round is as long as one of ours. */
const YARDSTICK_TIMES = 5
const AT_ONCE = 16
const KINDS = ['http', 'postgres'] as const
type Kind = (typeof KINDS)[number]

interface Round {
  readonly perSecond: number
  readonly cpuMicros: number
}

const started: ChildProcess[] = []
const postgres = openPostgres()
try {
  const receiver = child('./tools/receiver.ts')
  const [{ port }] = (await once(receiver, 'message')) as [AddressInfo]
  const url = `http://127.0.0.1:${port}/`
  const theirs = await postgres.createDatabase()
  const yardstick = child('./tools/yardstick.ts', [url, theirs, String(AT_ONCE)])
  await once(yardstick, 'message')
  const server = await startTestServer({
    env: {
      ...{ DATABASE_URL: await postgres.createDatabase(), NATS_URL: '', CONCURRENCY: String(AT_ONCE) },
      ...{ ALLOW_HOSTS: `127.0.0.1:${port}`, CONNECTIONS: JSON.stringify({ theirs }) },
    },
  })
  try {
    const paths = {
      http: await server.register(playbookOf('http', `{kind: http, endpoint: "${url}?item={{ item }}"}`)),
      postgres: await server.register(
        playbookOf('postgres', '{kind: postgres, auth: theirs, query: "SELECT {{ item }}::int + 1 AS next"}'),
      ),
    }
    const contenders = KINDS.flatMap((kind) => [
      { who: `Transient, ${kind} steps`, run: () => iterate(paths[kind]), rounds: [] as Round[] },
      { who: kind === 'http' ? 'undici' : '`pg`', run: () => callInLoop(kind), rounds: [] as Round[] },
    ])
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const { who, run, rounds } of contenders) {
        const measured = await run()
        if (round > 0) rounds.push(measured)
        console.info(`round ${round}: ${who}: ${measured.perSecond.toFixed(0)}/s`)
      }
    }
    const rate = (index: number) => medianOf((contenders[index]?.rounds ?? []).map(({ perSecond }) => perSecond))
    report({
      name: 'tools',
      command: 'npm run bench:tools',
      versions: [],
      body: [
        tableOf(
          ['who', 'calls/s, median', 'rounds', 'CPU of a call, µs'],
          contenders.map(({ who, rounds }, index) => [
            who,
            rate(index).toFixed(0),
            rounds.map(({ perSecond }) => perSecond.toFixed(0)).join(' '),
            medianOf(rounds.map(({ cpuMicros }) => cpuMicros)).toFixed(0),
          ]),
        ),
      ],
      reached: { httpSteps: rate(0) / rate(1), postgresSteps: rate(2) / rate(3) },
    })

    async function iterate(path: string): Promise<Round> {
      const before = cpuSeconds(server.pid())
      const began = performance.now()
      const id = await server.startExecution(path, { items: Array.from({ length: ITEMS }, (_, index) => index) })
      const { status, error } = await server.untilEnded(id, 600_000)
      if (status !== 'COMPLETED') throw new Error(`the execution ended as ${status}: ${error?.message}`)
      const seconds = (performance.now() - began) / 1000
      return { perSecond: ITEMS / seconds, cpuMicros: ((cpuSeconds(server.pid()) - before) * 1e6) / ITEMS }
    }
  } finally {
    await server.close()
  }

  async function callInLoop(kind: Kind): Promise<Round> {
    const count = ITEMS * YARDSTICK_TIMES
    yardstick.send({ kind, count })
    const [{ ms, cpuMicros }] = (await once(yardstick, 'message')) as [{ readonly ms: number; readonly cpuMicros: number }]
    return { perSecond: (count * 1000) / ms, cpuMicros: cpuMicros / count }
  }
} finally {
  for (const one of started) one.disconnect()
  await postgres.close()
}

function child(file: string, args: readonly string[] = []): ChildProcess {
  const forked = fork(fileURLToPath(new URL(file, import.meta.url)), [...args], { execArgv: ['--import', 'tsx'] })
  started.push(forked)
  return forked
}

function playbookOf(name: string, tool: string): string {
  return `apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: bench_${name}, path: bench/${name}}
workflow:
- step: start
  type: iterator
  collection: "{{ workload.items }}"
  element: item
  mode: async
  concurrency: ${AT_ONCE}
  task: {tool: ${tool}}
`
}
