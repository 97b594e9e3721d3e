import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasNatsServer, startTestNats, type TestNats } from '../support/nats.js'
import { within } from '../support/pace.js'
import { type PostgresCluster, startPostgresCluster } from '../support/postgres-cluster.js'
import { startTestServer, type TestServer } from '../support/server.js'
import { until } from '../support/worker.js'

const WITHIN_MS = within(2000)
const ID = '7100'

/** TEST_LONG=1 runs also what takes long; `.ci/run` does. */
const cluster = process.env['TEST_LONG'] === '1' && hasNatsServer ? await startPostgresCluster() : null

if (cluster === null) {
  it.skip('NOT RUN: outages need TEST_LONG=1 and nats-server', () => undefined)
} else {
  describe('a part that is gone', () => withCluster(cluster))
}

interface Answer {
  readonly status: number
  readonly ms: number
  readonly body: { readonly database?: string; readonly bus?: string; readonly code?: string }
  readonly retryAfter: string | null
}

function withCluster(postgres: PostgresCluster): void {
  let nats: TestNats
  let server: TestServer

  beforeAll(async () => {
    nats = await startTestNats()
    server = await startTestServer({ env: { DATABASE_URL: postgres.url, NATS_URL: nats.url } })
    expect((await write(1)).status).toBe(200)
  })
  afterAll(async () => {
    await server?.close()
    await nats?.close()
    await postgres.close()
  })

  async function timed(path: string, init?: RequestInit): Promise<Answer> {
    const began = performance.now()
    const response = await fetch(server.url + path, { ...init, signal: AbortSignal.timeout(within(20_000)) })
    const body = (await response.json()) as Answer['body']
    return { status: response.status, ms: performance.now() - began, body, retryAfter: response.headers.get('retry-after') }
  }
  const json = { 'content-type': 'application/json' }
  const ready = () => timed('/health/ready')
  const write = (counter: number) =>
    timed(`/api/vars/${ID}`, { method: 'POST', headers: json, body: JSON.stringify({ variables: { counter } }) })

  /** From now: the time until `/health/ready` says what is expected. */
  async function untilReady(isReady: boolean): Promise<number> {
    const began = performance.now()
    await until(async () => ((await ready()).status === 200) === isReady, `ready is ${isReady}`)
    return performance.now() - began
  }

  it('PostgreSQL killed: told within 2 s, requests fail fast with OVERLOADED, and all is well when it is back', async () => {
    await postgres.stop('immediate')
    expect(await untilReady(false)).toBeLessThan(WITHIN_MS)
    expect((await ready()).body).toMatchObject({ database: 'down', bus: 'up' })
    const query = JSON.stringify({ query: `{ variables(executionId: "${ID}") { nodes { name } } }` })
    const graphql = await timed('/graphql', { method: 'POST', headers: json, body: query })
    expect(JSON.stringify(graphql.body)).toContain('"code":"OVERLOADED"')
    for (const answer of [await write(2), await timed(`/api/vars/${ID}`), await timed('/api/executions/1')]) {
      expect(answer).toMatchObject({ status: 503, body: { code: 'OVERLOADED' }, retryAfter: expect.any(String) })
      expect(answer.ms).toBeLessThan(WITHIN_MS)
    }
    await postgres.start()
    await untilReady(true)
    expect((await write(3)).status).toBe(200)
  })

  it('PostgreSQL frozen: told within 2 s', async () => {
    const pids = await processesOf(postgres.url)
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    try {
      expect(await untilReady(false)).toBeLessThan(WITHIN_MS)
      expect((await ready()).body).toMatchObject({ database: 'down' })
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT')
    }
    await untilReady(true)
  })

  it('NATS killed: told within 2 s, variables are written and read all the same', async () => {
    await nats.kill()
    expect(await untilReady(false)).toBeLessThan(WITHIN_MS)
    expect((await ready()).body).toMatchObject({ database: 'up', bus: 'down' })
    const written = await write(4)
    expect(written.status).toBe(200)
    expect(written.ms).toBeLessThan(WITHIN_MS)
    await nats.start()
    await untilReady(true)
  })
}

/** The one that takes connections, and those that serve them. */
async function processesOf(url: string): Promise<number[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ pid: number }>(
    `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid UNION ALL
     SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
  )
  await client.end()
  return rows.map(({ pid }) => pid)
}
