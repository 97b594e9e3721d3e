import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import pg from 'pg'
import { type LoadRequest, type Measured, runLoad } from './lib/load.js'
import { plotOf } from './lib/plot.js'
import { medianOf, report, tableOf } from './lib/report.js'
import { openStage } from './lib/stage.js'

/**
 * `npm run bench:growth`: what one write and one single read cost as there is more of everything. Processor time of the server
 * counts, and beside it the median latency, which PostgreSQL's part is in.
 */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 2)
const PLOT = 'docs/benchmark-growth.svg'
const FLAT = 1.3

interface Size {
  readonly label: string
  /** The execution that is written and read, or how many of them. */
  readonly firstExecution: number
  readonly executions: number
  readonly variables: number
  readonly history: number
}

interface Axis {
  readonly title: string
  readonly sizes: readonly Size[]
}

const size = (label: string, firstExecution: number, rest: Partial<Size>): Size => ({
  ...{ label, firstExecution, executions: 1, variables: 10, history: 0 },
  ...rest,
})

const AXES: readonly Axis[] = [
  {
    title: 'variables in an execution',
    sizes: [size('10', 10_001, {}), size('1,000', 10_002, { variables: 1000 }), size('10,000', 10_003, { variables: 9_999 })],
  },
  {
    title: 'executions',
    sizes: [size('1', 20_001, {}), size('100', 30_001, { executions: 100 }), size('1,000', 40_001, { executions: 1000 })],
  },
  {
    title: 'history rows of an execution',
    sizes: [
      size('0', 50_001, {}),
      size('10,000', 50_002, { history: 10_000 }),
      size('1,000,000', 50_003, { history: 1_000_000 }),
    ],
  },
]

async function fill(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  for (const { firstExecution, executions, variables, history } of AXES.flatMap((axis) => axis.sizes)) {
    const ids = `generate_series(${firstExecution}, ${firstExecution + executions - 1}) AS e`
    await client.query(`INSERT INTO transient.execution (id, status, revision, event_seq, variable_count, variable_bytes, history_count)
      SELECT e, 'running', ${history + 1}, ${history + 1}, ${variables}, ${variables * 9}, ${history} FROM ${ids}`)
    await client.query(`INSERT INTO noetl.transient (execution_id, var_name, var_value)
      SELECT e, 'v' || n, to_jsonb(n) FROM ${ids}, generate_series(1, ${variables}) AS n`)
    await client.query(`INSERT INTO noetl.transient_history (execution_id, revision, seq, var_name, operation, value, var_type, actor,
        version, created_at, changed_at)
      SELECT e, r, 1, 'v' || (1 + r % 10), 'set', to_jsonb(r), 'user_defined', 'bench', r, now(), now()
      FROM ${ids}, generate_series(1, ${history}) AS r`)
  }
  await client.query('VACUUM ANALYZE')
  await client.end()
}

const DOCUMENTS = {
  write: `mutation ($id: ID!, $name: String!, $value: JSON) {
    upsertVariable(input: { executionId: $id, name: $name, value: $value }) { revision } }`,
  read: 'query ($id: ID!, $name: String!) { variable(executionId: $id, name: $name) { value version } }',
}

/** Documents are the same text each time, as a client's are: what is drawn travels in the variables. */
function request(url: string, kind: 'write' | 'read', { firstExecution, executions }: Size): LoadRequest {
  const query = DOCUMENTS[kind]
  const drawn = executions === 1 ? `"${firstExecution}"` : `"@execution"`
  const value = kind === 'write' ? ',"value":@value' : ''
  return {
    ...{ url, path: '/graphql', headers: { 'content-type': 'application/json', accept: 'application/json' } },
    body: `{"query":${JSON.stringify(query)},"variables":{"id":${drawn},"name":"@name"${value}}}`,
    ...{ connections: 8, seconds: SECONDS, executions, firstExecution, names: 10 },
  }
}

interface Cost {
  readonly axis: string
  readonly kind: 'write' | 'read'
  readonly size: Size
  readonly rounds: Measured[]
}

const micros = ({ rounds }: Cost): number => medianOf(rounds.map((round) => round.cpuMicros))
const p50 = ({ rounds }: Cost): number => medianOf(rounds.map((round) => round.p50))

async function main(): Promise<void> {
  const stage = await openStage({ hasPostgraphile: false })
  try {
    await fill(stage.ownDatabaseUrl)
    const kinds = ['write', 'read'] as const
    const costs: Cost[] = AXES.flatMap(({ title, sizes }) =>
      kinds.flatMap((kind) => sizes.map((one) => ({ axis: title, kind, size: one, rounds: [] }))),
    )
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const { kind, size: one, rounds } of costs) {
        const measured = await runLoad(request(stage.server.url, kind, one), stage.server.pid())
        if (round > 0) rounds.push(measured)
      }
    }
    const series = AXES.flatMap(({ title }) =>
      kinds.map((kind) => {
        const own = costs.filter((cost) => cost.axis === title && cost.kind === kind)
        return { title: `${kind}: ${title}`, labels: own.map((cost) => cost.size.label), values: own.map(p50), own }
      }),
    )
    writeFileSync(resolve(PLOT), plotOf('p50 of one operation, milliseconds, 8 connections', series))
    const rows = series.map(({ title, own, values }) => [
      title,
      ...own.map((cost) => `${p50(cost).toFixed(2)} ms, ${micros(cost).toFixed(0)} µs`),
      `${((values.at(-1) ?? Number.NaN) / (values[0] ?? Number.NaN)).toFixed(2)}x`,
    ])
    const memory = costs.at(-1)?.rounds.at(-1)?.residentMib.toFixed(0)
    report({
      name: 'growth',
      command: 'npm run bench:growth',
      versions: [stage.postgresVersion],
      body: [
        tableOf(['operation and what grows', 'small', 'middle', 'large', 'large / small (p50)'], rows),
        `p50 and CPU of the server for each; flat means within ${FLAT}x. The server's RSS at the end: ${memory} MiB.`,
        `![What one operation costs as there is more](${PLOT.replace('docs/', '')})`,
      ],
    })
  } finally {
    await stage.close()
  }
}

await main()
