import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasNatsServer, startTestNats, type TestNats } from '../support/nats.js'
import { within } from '../support/pace.js'
import { openPostgres, type TestPostgres } from '../support/postgres.js'
import { startTestServer, type TestServer } from '../support/server.js'

/** A python call each: TEST_LONG=1 makes all thousand; `.ci/run` does. */
const COMPLETIONS = process.env['TEST_LONG'] === '1' ? 1_000 : 300
const EXECUTIONS = 5
const ROUNDS = 40

const playbook = (name: string, workflow: readonly object[]) =>
  JSON.stringify({
    apiVersion: 'noetl.io/v2',
    kind: 'Playbook',
    metadata: { name, path: `test/${name}` },
    globals: `e2e/${name}`,
    workflow,
  })

const COUNTING = playbook('counting', [
  {
    step: 'start',
    type: 'iterator',
    collection: `{{ range(${COMPLETIONS / EXECUTIONS}) | list }}`,
    element: 'x',
    mode: 'async',
    concurrency: 16,
    task: { tool: { kind: 'python', code: 'result = 1' }, globals: { increment: { completions: 1 } } },
  },
])

const READING = playbook('reading', [{ step: 'start', vars: { seen: '{{ globals.written }}' } }])

const postgres = hasNatsServer ? openPostgres() : null
afterAll(() => postgres?.close())

if (postgres === null) {
  it.skip('NOT RUN: two processes need nats-server on the PATH', () => undefined)
} else {
  describe('global variables, two processes on one PostgreSQL', () => withNats(postgres))
}

function withNats(database: TestPostgres): void {
  let nats: TestNats
  let a: TestServer
  let b: TestServer
  beforeAll(async () => {
    nats = await startTestNats()
    const env = {
      ...{ DATABASE_URL: await database.createDatabase(), NATS_URL: nats.url, LEASE_SECONDS: String(within(1)) },
      ...{ CONCURRENCY: '8', PYTHON_SANDBOX: 'off' },
    }
    ;[a, b] = await Promise.all([startTestServer({ env }), startTestServer({ env })])
  })
  afterAll(async () => {
    await Promise.all([a?.close(), b?.close()])
    await nats?.close()
  })

  const readValue = async (server: TestServer, space: string, name: string) => {
    const { body } = await server.rest('GET', `/api/globals/${encodeURIComponent(space)}/${name}`)
    return (body as { value?: unknown }).value
  }

  it('whoever was told of a write never reads the older value on the other process, nor do its steps', {
    timeout: within(120_000),
  }, async () => {
    await a.register(READING)
    for (let round = 1; round <= ROUNDS; round += 1) {
      const [writer, other] = round % 2 === 0 ? [a, b] : [b, a]
      const answer = await writer.rest('POST', `/api/globals/${encodeURIComponent('e2e/reading')}`, {
        variables: { written: round },
      })
      expect(answer.status).toBe(200)
      const [read, id] = await Promise.all([readValue(other, 'e2e/reading', 'written'), other.startExecution('test/reading')])
      expect(read).toBe(round)
      await other.untilEnded(id)
      expect((await writer.variables(id))['seen']?.value).toBe(round)
    }
  })

  it(`${COMPLETIONS} completions over 16 workers, while both are killed in turn, increment exactly ${COMPLETIONS}`, {
    timeout: within(280_000),
  }, async () => {
    await a.register(COUNTING)
    const ids = await Promise.all(
      Array.from({ length: EXECUTIONS }, (_, n) => (n % 2 === 0 ? a : b).startExecution('test/counting')),
    )
    const counted = async (server: TestServer) => Number((await readValue(server, 'e2e/counting', 'completions')) ?? 0)
    for (const [part, victim] of [a, b, a].entries()) {
      const survivor = victim === a ? b : a
      while ((await counted(survivor)) < (COMPLETIONS * (part + 1)) / 4) await sleep(20)
      await victim.kill()
      await sleep(within(200))
      await victim.start()
    }
    for (const id of ids) expect(await a.untilEnded(id, within(200_000))).toMatchObject({ status: 'COMPLETED' })
    expect([await counted(a), await counted(b)]).toEqual([COMPLETIONS, COMPLETIONS])
    const { headers } = await a.rest('GET', `/api/globals/${encodeURIComponent('e2e/counting')}`)
    expect(headers.get('revision')).toBe(String(COMPLETIONS))
  })
}
