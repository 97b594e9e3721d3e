import { print } from 'graphql'
import { StartExecutionsDocument } from '../../src/sdk/generated/graphql.js'
import { openPostgres } from '../support/postgres.js'
import { startTestServer } from '../support/server.js'
import { COLUMNS, contender, figure, measureAll, rowOf } from './lib/contender.js'
import { type LoadRequest, runLoad } from './lib/load.js'
import { report, tableOf } from './lib/report.js'

/**
 * `npm run bench:starts`: executions that are started and do nothing more, since nobody serves the pool of their first step: one by each request
 * over REST, and a hundred by each `startExecutions` of the SDK.
 */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 4)
const TOGETHER = 100
const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json' }

const PLAYBOOK = `apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: bench_starts, path: bench/starts}
workload: {customer: "", amount: 0}
workflow:
- step: start
  pool: nobody
  tool: {kind: python, code: "result = 1"}
`
const START = { path: 'bench/starts', workload: { customer: 'c-17', amount: 4 } }

const postgres = openPostgres()
const server = await startTestServer({ env: { DATABASE_URL: await postgres.createDatabase(), NATS_URL: '' } })
try {
  await server.register(PLAYBOOK)
  const load = (path: string, body: object, connections: number): LoadRequest => ({
    ...{ url: server.url, path, headers: JSON_HEADERS, body: JSON.stringify(body) },
    ...{ connections, seconds: SECONDS, executions: 1, names: 1 },
  })
  const inputs = Array.from({ length: TOGETHER }, () => START)
  const several = { query: print(StartExecutionsDocument), variables: { inputs } }
  const contenders = [
    contender('one a request, REST', 16, () => runLoad(load('/api/executions', START, 16), server.pid())),
    contender(`${TOGETHER} a request, \`startExecutions\``, 1, async () => {
      const measured = await runLoad(load('/graphql', several, 1), server.pid())
      return { ...measured, perSecond: measured.perSecond * TOGETHER, cpuMicros: measured.cpuMicros / TOGETHER }
    }),
  ]
  await measureAll(contenders, ROUNDS)
  report({
    name: 'starts',
    command: 'npm run bench:starts',
    versions: [],
    body: [tableOf(['starts', 'connections', 'executions/s', ...COLUMNS], contenders.map(rowOf))],
    reached: { startCpu: figure(contenders[0], 'cpuMicros') / 1000 },
  })
} finally {
  await server.close()
  await postgres.close()
}
