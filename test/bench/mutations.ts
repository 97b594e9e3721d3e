import { startTestServer, type TestServer } from '../support/server.js'
import { COLUMNS, type Contender, contender, figure, measureAll, rowOf } from './lib/contender.js'
import { type LoadRequest, runLoad } from './lib/load.js'
import { findPgbench, runPgbench } from './lib/pgbench.js'
import { report, tableOf } from './lib/report.js'
import { openStage, type Stage } from './lib/stage.js'
import { DRAWN, mutationRequest, upsertRequest } from './lib/upsert.js'
import { upsertStatement } from './lib/yardstick-sql.js'

/**
 * `npm run bench:mutations`: one `upsertVariable` over HTTP, beside pgbench, PostGraphile and bare `pg` with the same rows.
 */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 5)

const LOCAL = 'Transient on the PostgreSQL of its own'
const THEIRS = `mutation ($input: WriteVariableInput!) {
  writeVariable(input: $input) {
    result { executionId varName varValue varType sourceStep revision version accessCount createdAt updatedAt accessedAt }
  }
}`

function contenders({ server, postgraphile, databaseUrl }: Stage, local: TestServer): Contender[] {
  const found: Contender[] = []
  const add = (name: string, connections: number, run: Contender['run']) => found.push(contender(name, connections, run))
  const ours = (connections: number, { url, pid } = server) =>
    runLoad(upsertRequest(url, { connections, seconds: SECONDS }), pid())
  const theirs = { query: THEIRS, input: '{"execution":"@execution","name":@name,"value":"@value"}' }
  add('Transient', 32, () => ours(32))
  add(LOCAL, 32, () => ours(32, local))
  const program = findPgbench()
  if (program !== null) {
    const asked = { program, databaseUrl, clients: 32, seconds: SECONDS, ...DRAWN }
    add('pgbench', 32, async () => {
      const { perSecond, latency } = await runPgbench(asked)
      return { perSecond, p50: latency }
    })
  }
  if (postgraphile !== null) {
    // The number alone: the statement makes the name from it.
    const body = mutationRequest(postgraphile.url, theirs, { connections: 32, seconds: SECONDS })
    add('PostGraphile', 32, () => runLoad({ ...body, body: (body.body ?? '').replace('@name', '@number') }, postgraphile.pid))
  }
  add('Transient', 1, () => ours(1))
  add(LOCAL, 1, () => ours(1, local))
  const bare: LoadRequest = {
    url: databaseUrl,
    path: '',
    headers: {},
    body: upsertStatement({ execution: '$1', name: '$2', value: '$3' }),
    connections: 1,
    seconds: SECONDS,
    ...DRAWN,
  }
  add('bare pg, named statement', 1, () => runLoad(bare, null))
  return found
}

function reachedBy(all: readonly Contender[]) {
  const [ours, pgbench, postgraphile] = ['Transient', 'pgbench', 'PostGraphile'].map((name) =>
    all.find((one) => one.name === name && one.connections === 32),
  )
  const [single, bare] = [all.find((one) => one.name === 'Transient' && one.connections === 1), all.at(-1)]
  const rate = figure(ours, 'perSecond')
  const local = all.find((one) => one.name === LOCAL && one.connections === 32)
  return {
    local: figure(local, 'perSecond') / rate,
    pgbench: rate / figure(pgbench, 'perSecond'),
    postgraphile: rate / figure(postgraphile, 'perSecond'),
    single: figure(single, 'p50') / figure(bare, 'p50'),
  }
}

function verdicts({ pgbench, postgraphile, single, local }: ReturnType<typeof reachedBy>): string {
  return [
    `- on the PostgreSQL of its own beside another: ${local.toFixed(2)} (to be reached: 0.9)`,
    `- beside pgbench: ${pgbench.toFixed(2)} (to be reached: 0.5)`,
    `- beside PostGraphile: ${postgraphile.toFixed(1)}x (to be reached: 6x)`,
    `- one connection, p50: ${single.toFixed(2)}x bare \`pg\` (to be reached: at most 2x)`,
  ].join('\n')
}

async function main(): Promise<void> {
  const stage = await openStage()
  const local = await startTestServer({ env: { DATABASE_URL: '' } })
  try {
    const all = contenders(stage, local)
    await measureAll(all, ROUNDS)
    const versions = [stage.postgresVersion, ...(stage.postgraphile === null ? [] : [stage.postgraphile.version])]
    const reached = reachedBy(all)
    const columns = ['who', 'connections', 'writes/s', ...COLUMNS]
    report({
      name: 'mutations',
      command: 'npm run bench:mutations',
      versions,
      reached,
      body: [tableOf(columns, all.map(rowOf)), verdicts(reached)],
    })
  } finally {
    await local.close()
    await stage.close()
  }
}

await main()
