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

const THEIRS = `mutation ($input: WriteVariableInput!) {
  writeVariable(input: $input) { result { id varName varValue varType revision version createdAt updatedAt } }
}`

function contenders({ server, postgraphile, databaseUrl }: Stage): Contender[] {
  const found: Contender[] = []
  const add = (name: string, connections: number, run: Contender['run']) => found.push(contender(name, connections, run))
  const ours = (connections: number) => runLoad(upsertRequest(server.url, { connections, seconds: SECONDS }), server.pid())
  const theirs = { query: THEIRS, input: '{"execution":"@execution","name":@name,"value":"@value"}' }
  add('Transient', 32, () => ours(32))
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
  return {
    pgbench: rate / figure(pgbench, 'perSecond'),
    postgraphile: rate / figure(postgraphile, 'perSecond'),
    single: figure(single, 'p50') / figure(bare, 'p50'),
  }
}

function verdicts({ pgbench, postgraphile, single }: ReturnType<typeof reachedBy>): string {
  return [
    `- beside pgbench: ${pgbench.toFixed(2)} (to be reached: 0.5)`,
    `- beside PostGraphile: ${postgraphile.toFixed(1)}x (to be reached: 6x)`,
    `- one connection, p50: ${single.toFixed(2)}x bare \`pg\` (to be reached: at most 2x)`,
  ].join('\n')
}

async function main(): Promise<void> {
  const stage = await openStage()
  try {
    const all = contenders(stage)
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
    await stage.close()
  }
}

await main()
