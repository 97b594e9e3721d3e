import { openPostgres } from '../support/postgres.js'
import { startTestServer } from '../support/server.js'
import { microsByPart, openProfiler, WITH_INSPECTOR } from './lib/cpu-profile.js'
import { runLoad } from './lib/load.js'
import { report, tableOf } from './lib/report.js'
import { upsertRequest } from './lib/upsert.js'

/** `npm run bench:profile`: where the server's time goes in one `upsertVariable` over HTTP, with one connection and with 32. */

const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 5)
const WARM_UP_SECONDS = 6
const ASLEEP = 'asleep: waiting for PostgreSQL and for requests'

/** The first that matches. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/^\(idle\)/, ASLEEP],
  [/^\(garbage/, 'garbage collection'],
  [/^\(program\)/, "V8 and libuv's own: reading sockets, waking up"],
  [/^(node:_http|src\/server|src\/graphql\/transport)/, 'HTTP: reading the request, sending the answer'],
  [/^(src\/db|node_modules\/(pg|postgres))/, 'PostgreSQL: its protocol and socket'],
  [/^(src\/(variables|commit)|node_modules\/(lru-cache|big\.js))/, 'variables: queue, fold, rows'],
  [/^(src\/graphql|node_modules\/(graphql|@pothos))/, 'GraphQL: variables, execution, printing'],
  [/^(src\/core\/json|node_modules\/lossless)/, 'JSON that keeps every digit'],
  [/^(src\/access|src\/audit)/, 'session, rights, audit'],
  [/^(src|node_modules)\//, 'the rest of the code'],
  [/^\(root\)/, "Node's queues and timers"],
]

const partOf = (place: string): string | null => PARTS.find(([pattern]) => pattern.test(place))?.[1] ?? null

async function main(): Promise<void> {
  const postgres = openPostgres()
  const server = await startTestServer({ env: { DATABASE_URL: await postgres.createDatabase(), ...WITH_INSPECTOR } })
  try {
    const profiler = await openProfiler(server.output())
    const load = (connections: number, seconds = SECONDS) =>
      runLoad(upsertRequest(server.url, { connections, seconds }), server.pid())
    await load(32, WARM_UP_SECONDS)
    const columns: Map<string, number>[] = []
    for (const connections of [1, 32]) {
      const { answer, profile } = await profiler.during(() => load(connections))
      columns.push(new Map([...microsByPart(profile, partOf)].map(([part, micros]) => [part, micros / answer.count])))
    }
    profiler.close()
    report({
      name: 'profile',
      command: 'npm run bench:profile',
      versions: ['µs of a write, on the clock of the server’s main thread'],
      body: [tableOf(['part', '1 connection', '32 connections'], rowsOf(columns))],
    })
  } finally {
    await server.close()
    await postgres.close()
  }
}

/** The dearest first; what sleeps last. */
function rowsOf(columns: readonly Map<string, number>[]) {
  const parts = [...new Set(columns.flatMap((column) => [...column.keys()]))]
  const at = (part: string) => columns.map((column) => column.get(part) ?? 0)
  const weight = (part: string) => (part === ASLEEP ? -1 : (at(part)[1] ?? 0))
  return parts.sort((a, b) => weight(b) - weight(a)).map((part) => [part, ...at(part).map((micros) => micros.toFixed(1))])
}

await main()
