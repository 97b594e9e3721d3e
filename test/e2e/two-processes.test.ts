import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasNatsServer, startTestNats, type TestNats } from '../support/nats.js'
import { within } from '../support/pace.js'
import { openPostgres, type TestPostgres } from '../support/postgres.js'
import { serveUntilExit, startTestServer, type TestServer } from '../support/server.js'

const STEPS = 50
/** Whoever runs this step is killed meanwhile. */
const SLOW = 20

/** Counts to 50, one python step after the other. */
const PLAYBOOK = JSON.stringify({
  apiVersion: 'noetl.io/v2',
  kind: 'Playbook',
  metadata: { name: 'fifty', path: 'test/fifty' },
  workflow: [
    { step: 'start', vars: { counter: 0, trail: [] }, next: 'count' },
    {
      step: 'count',
      tool: {
        kind: 'python',
        code: `import time\ntime.sleep(${within(1.5)} if counter == ${SLOW} else 0.01)\nresult = counter + 1`,
        args: { counter: '{{ vars.counter }}' },
      },
      vars: { counter: '{{ result }}', trail: '{{ vars.trail + [result] }}' },
      next: [{ when: `{{ vars.counter < ${STEPS} }}`, step: 'count' }],
    },
  ],
})

const postgres = hasNatsServer ? openPostgres() : null
afterAll(() => postgres?.close())

if (postgres === null) {
  it.skip('NOT RUN: two processes need nats-server on the PATH', () => undefined)
} else {
  describe('two processes on one PostgreSQL with NATS', () => withNats(postgres))
}

function withNats(database: TestPostgres): void {
  let nats: TestNats
  let env: Record<string, string>
  let a: TestServer
  let b: TestServer

  beforeAll(async () => {
    nats = await startTestNats()
    env = { DATABASE_URL: await database.createDatabase(), NATS_URL: nats.url, LEASE_SECONDS: String(within(1)) }
    ;[a, b] = await Promise.all([startTestServer({ env }), startTestServer({ env })])
  })
  afterAll(async () => {
    await Promise.all([a?.close(), b?.close()])
    await nats?.close()
  })

  it('an execution survives kill -9 of the process that runs its step', { timeout: within(60_000) }, async () => {
    const id = await a.startExecution(await a.register(PLAYBOOK))
    await until(async () => Number((await b.variables(id))['counter']?.value ?? 0) === SLOW)
    const holder = await holderOf(env['DATABASE_URL'] ?? '', id)
    const [victim, survivor] = holder === a.pid() ? [a, b] : [b, a]
    expect(holder).toBe(victim.pid())
    await victim.kill()
    const ended = await survivor.untilEnded(id, 40_000)
    expect(ended.error).toBeNull()
    expect(ended.status).toBe('COMPLETED')
    const counts = Array.from({ length: STEPS }, (_, index) => index + 1)
    expect((await survivor.variables(id))['trail']?.value).toEqual(counts)
    expect(ended.revision).toBe(1 + STEPS)
    await victim.start()
  })

  it('a watcher on one process hears what is written on the other: at once, and within 1.5 s without NATS', async () => {
    const id = '7001'
    await write(a, id, 0)
    const heard = collect(b, id)
    try {
      expect(await delay(a, heard, { id, value: 1 })).toBeLessThan(within(500))
      await nats.kill()
      for (const value of [2, 3, 4]) expect(await delay(a, heard, { id, value })).toBeLessThan(within(1500))
      await nats.start()
      await until(async () => (await fetch(`${a.url}/health/ready`)).ok)
      expect(await delay(a, heard, { id, value: 5 })).toBeLessThan(within(1500))
    } finally {
      heard.stop()
    }
    expect(heard.values).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('while NATS is away executions are taken, and run when it is back, even with its storage deleted', async () => {
    const path = await a.register(PLAYBOOK.replaceAll('fifty', 'short').replace(`< ${STEPS}`, '< 3'))
    await nats.kill()
    nats.wipe()
    await until(async () => (await fetch(`${b.url}/health/ready`)).status === 503)
    const id = await a.startExecution(path)
    expect((await b.execution(id)).status).toBe('RUNNING')
    await nats.start()
    expect((await b.untilEnded(id, 20_000)).status).toBe('COMPLETED')
  })

  it('a process without NATS_URL beside them is refused', async () => {
    const { code, output } = await serveUntilExit({ DATABASE_URL: env['DATABASE_URL'] ?? '', PORT: '0' })
    expect(code).not.toBe(0)
    expect(output).toMatch(/another process already runs on this database .*NATS_URL/)
  })
}

/** The pid of the process that holds an execution's task. */
async function holderOf(databaseUrl: string, id: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  let pid: string | undefined
  await until(async () => {
    const { rows } = await client.query<{ worker_id: string }>(
      `SELECT worker_id FROM transient.task WHERE execution_id = $1 AND kind = 'python' AND status = 'open' AND lease_until > now()`,
      [id],
    )
    pid = rows[0]?.worker_id.split(':')[2]
    return pid !== undefined
  })
  await client.end()
  return Number(pid)
}

interface Heard {
  readonly values: unknown[]
  stop(): void
}

/** Follows a variable's changes over SSE. */
function collect(server: TestServer, id: string): Heard {
  const values: unknown[] = []
  const abort = new AbortController()
  const read = async (): Promise<void> => {
    const response = await fetch(`${server.url}/api/vars/${id}/events?after_revision=0`, { signal: abort.signal })
    let text = ''
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString()
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        if (!block.includes('event: changed')) continue
        const data = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '{}') as { changes: { value: unknown }[] }
        values.push(...data.changes.map(({ value }) => value))
      }
    }
  }
  read().catch((error: unknown) => {
    if (!abort.signal.aborted) values.push(error)
  })
  return { values, stop: () => abort.abort() }
}

async function write(server: TestServer, id: string, value: number): Promise<void> {
  expect((await server.rest('POST', `/api/vars/${id}`, { variables: { counter: value } })).status).toBe(200)
}

/** Milliseconds from the acknowledged write to its arrival. */
async function delay(writer: TestServer, heard: Heard, { id, value }: { id: string; value: number }): Promise<number> {
  await write(writer, id, value)
  const writtenAt = performance.now()
  await until(async () => heard.values.includes(value))
  return performance.now() - writtenAt
}

async function until(check: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = performance.now() + within(withinMs)
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`did not happen within ${within(withinMs)} ms: ${check}`)
    await sleep(10)
  }
}
