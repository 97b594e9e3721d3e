import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import pg from 'pg'
import { type LoadRequest, type Measured, runLoad } from './lib/load.js'
import { svgOf } from './lib/plot.js'
import { type Cell, medianOf, report, tableOf } from './lib/report.js'
import { openStage } from './lib/stage.js'

/**
 * `npm run bench:growth`: what one write and one single read cost as there is more of everything. Processor time of the server
 * counts, and beside it the median latency, which PostgreSQL's part is in.
 */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 2)
/** As many times as long: by then the server has met most of what is written to, as one that has run for a while. */
const WARM_UP = 4
const CONNECTIONS = 8
const PLOT = resolve('docs/benchmarks/growth.svg')
const FLAT = 1.3
const NOTE = `${CONNECTIONS} connections; dashed: ${FLAT} times the small case`

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

const KINDS = ['write', 'read'] as const
type Kind = (typeof KINDS)[number]

const DOCUMENTS: Readonly<Record<Kind, string>> = {
  write: `mutation ($id: ID!, $name: String!, $value: JSON) {
    upsertVariable(input: { executionId: $id, name: $name, value: $value }) { revision } }`,
  read: 'query ($id: ID!, $name: String!) { variable(executionId: $id, name: $name) { value version } }',
}

/** Documents are the same text each time, as a client's are: what is drawn travels in the variables. */
function request(url: string, kind: Kind, { firstExecution, executions }: Size, seconds: number): LoadRequest {
  const query = DOCUMENTS[kind]
  const drawn = executions === 1 ? `"${firstExecution}"` : `"@execution"`
  const value = kind === 'write' ? ',"value":@value' : ''
  return {
    ...{ url, path: '/graphql', headers: { 'content-type': 'application/json', accept: 'application/json' } },
    body: `{"query":${JSON.stringify(query)},"variables":{"id":${drawn},"name":"@name"${value}}}`,
    ...{ connections: CONNECTIONS, seconds, executions, firstExecution, names: 10 },
  }
}

interface Cost {
  readonly axis: string
  readonly kind: Kind
  readonly size: Size
  readonly rounds: Measured[]
}

const micros = ({ rounds }: Cost): number => medianOf(rounds.map((round) => round.cpuMicros))
const p50 = ({ rounds }: Cost): number => medianOf(rounds.map((round) => round.p50))
const resident = ({ rounds }: Cost): number => medianOf(rounds.map((round) => round.residentMib))

/** How many times as much the largest size costs as the smallest. */
function growthOf(costs: readonly Cost[], figure: (cost: Cost) => number): number {
  const [small, large] = [costs[0], costs.at(-1)]
  return small === undefined || large === undefined ? Number.NaN : figure(large) / figure(small)
}

const COLUMNS = ['operation and what grows', 'small', 'middle', 'large', 'p50', 'CPU']

function rowOf(name: string, costs: readonly Cost[]): Cell[] {
  const cells = costs.map((cost) => `${p50(cost).toFixed(2)} ms, ${micros(cost).toFixed(0)} µs, ${resident(cost).toFixed(0)} MiB`)
  return [name, ...cells, `${growthOf(costs, p50).toFixed(2)}x`, `${growthOf(costs, micros).toFixed(2)}x`]
}

async function main(): Promise<void> {
  const stage = await openStage({ hasPostgraphile: false })
  try {
    await fill(stage.ownDatabaseUrl)
    const costs: Cost[] = AXES.flatMap(({ title, sizes }) =>
      KINDS.flatMap((kind) => sizes.map((one) => ({ axis: title, kind, size: one, rounds: [] }))),
    )
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const { kind, size: one, rounds } of costs) {
        const seconds = round === 0 ? WARM_UP * SECONDS : SECONDS
        const measured = await runLoad(request(stage.server.url, kind, one, seconds), stage.server.pid())
        if (round > 0) rounds.push(measured)
      }
    }
    const of = (axis: string, kind: Kind): Cost[] => costs.filter((cost) => cost.axis === axis && cost.kind === kind)
    const panels = AXES.map(({ title, sizes }) => ({
      ...{ title, labels: sizes.map(({ label }) => label) },
      lines: KINDS.map((kind) => ({ name: kind, values: of(title, kind).map(p50) })),
    }))
    mkdirSync(dirname(PLOT), { recursive: true })
    writeFileSync(PLOT, svgOf({ panels, limit: FLAT, title: 'One write and one single read, p50 in ms', note: NOTE }))
    const rows = AXES.flatMap(({ title }) => KINDS.map((kind) => rowOf(`${kind}: ${title}`, of(title, kind))))
    const worst = (kind: Kind): number => Math.max(...AXES.map(({ title }) => growthOf(of(title, kind), p50)))
    report({
      name: 'growth',
      command: 'npm run bench:growth',
      versions: [stage.postgresVersion],
      reached: { growingWrite: worst('write'), growingRead: worst('read') },
      body: [
        tableOf(COLUMNS, rows),
        `p50, the server's processor time and its RSS afterwards; the last columns are large / small. Flat means within ${FLAT}x.`,
        `![What a write and a single read cost as there is more](${relative('docs', PLOT)})`,
      ],
    })
  } finally {
    await stage.close()
  }
}

await main()
