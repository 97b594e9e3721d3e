import pg from 'pg'
import { openPostgres } from '../support/postgres.js'
import { startTestServer } from '../support/server.js'
import { COLUMNS, type Contender, contender, figure, measureAll, rowOf } from './lib/contender.js'
import { type LoadRequest, runLoad } from './lib/load.js'
import { report, tableOf } from './lib/report.js'

/**
 * `npm run bench:search`: the first twenty executions by a status, a playbook, an end or a variable's value, each of which one in a thousand has,
 * among 100,000 executions with three variables each, and among 1,000 of them.
 */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 2)
const SIZES = [1_000, 100_000] as const
const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json' }
const QUERY = 'query ($filter: ExecutionFilter) { executions(first: 20, filter: $filter) { nodes { id status createdAt } } }'

/** By what, and the filter: a second of the past is an execution's. */
const SEARCHES = [
  ['status', { status: ['FAILED'] }],
  ['playbook', { path: { eq: 'seldom' } }],
  ['end', { finishedAfter: '2025-01-01T00:10:00Z', finishedBefore: '2025-01-01T00:10:20Z' }],
  ["a variable's value", { variables: [{ name: { eq: 'customer' }, value: { eq: 'c-7' } }] }],
  ['a value, not in SEARCHABLE', { variables: [{ name: { eq: 'amount' }, value: { eq: 7 } }] }],
] as const

/** One in a thousand failed, another is of the other playbook, and every thousandth has the same customer. */
const FILL = `
  INSERT INTO transient.playbook (path, version, name, source) VALUES ('often', 1, 'n', ''), ('seldom', 1, 'n', '');
  INSERT INTO transient.execution (id, status, playbook_path, playbook_version, created_at, finished_at, revision, variable_count)
    SELECT n, CASE n % 1000 WHEN 7 THEN 'failed' ELSE 'completed' END, CASE n % 1000 WHEN 9 THEN 'seldom' ELSE 'often' END, 1,
      '2025-01-01Z'::timestamptz + n * interval '1 second', '2025-01-01Z'::timestamptz + n * interval '1 second', 3, 3
    FROM generate_series(1, SIZE) n;
  INSERT INTO noetl.transient (execution_id, var_name, var_type, var_value, source_step, created_at, accessed_at, updated_at, revision, version)
    SELECT n, name, 'user_defined', CASE name WHEN 'customer' THEN to_jsonb('c-' || n % 1000) ELSE to_jsonb(n) END, 'start', now(), now(), now(), 1, 1
    FROM generate_series(1, SIZE) n, unnest(ARRAY['customer', 'amount', 'note']) name;
  ANALYZE;`

const postgres = openPostgres()
const closes: (() => Promise<void>)[] = []
try {
  const contenders: Contender[] = []
  for (const size of SIZES) {
    const databaseUrl = await postgres.createDatabase()
    const server = await startTestServer({ env: { DATABASE_URL: databaseUrl, NATS_URL: '', SEARCHABLE: 'customer' } })
    closes.push(() => server.close())
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    await client.query(FILL.replaceAll('SIZE', String(size)))
    await client.end()
    for (const [by, filter] of SEARCHES) {
      const request: LoadRequest = {
        ...{
          url: server.url,
          path: '/graphql',
          headers: JSON_HEADERS,
          body: JSON.stringify({ query: QUERY, variables: { filter } }),
        },
        ...{ connections: 1, seconds: SECONDS, executions: 1, names: 1 },
      }
      contenders.push(contender(`by ${by}, of ${size}`, 1, () => runLoad(request, server.pid())))
    }
  }
  await measureAll(contenders, ROUNDS)
  const p50 = (by: string) =>
    figure(
      contenders.find(({ name }) => name === `by ${by}, of ${SIZES[1]}`),
      'p50',
    )
  report({
    name: 'search',
    command: 'npm run bench:search',
    versions: [],
    body: [tableOf(['executions', 'connections', 'reads/s', ...COLUMNS], contenders.map(rowOf))],
    reached: { searchStatus: p50('status'), searchValue: p50("a variable's value") },
  })
} finally {
  for (const close of closes) await close()
  await postgres.close()
}
