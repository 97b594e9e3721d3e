import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import type { Database } from '../../src/db/database.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { createVariablesService } from '../../src/variables/service.js'
import type { Webhooks } from '../../src/webhooks/open.js'
import { type CreatedDatabase, createMigratedDatabase } from '../support/database.js'
import { atMost, within } from '../support/pace.js'
import { startTestServer, type TestServer } from '../support/server.js'
import { openTestWebhooks, type Received, type Receiver, startReceiver } from '../support/webhooks.js'
import { increment, newId } from '../variables/support.js'

const EXECUTIONS = process.env['TEST_LONG'] ? 1_000 : 60
const CHANGES = 50

let created: CreatedDatabase
let db: Database
let webhooks: Webhooks
let sender: TestServer
let receiver: Receiver
beforeAll(async () => {
  created = await createMigratedDatabase()
  db = createPostgresDatabase(created.url)
  // Writes here raise pointers; what sends is the process that is killed.
  webhooks = await openTestWebhooks(db)
  receiver = await startReceiver()
  await webhooks.service.create({ name: 'killed', url: receiver.url, events: ['variables'] })
  sender = await startTestServer({ env: { DATABASE_URL: created.url } })
})
afterAll(async () => {
  await sender?.close()
  await webhooks?.close()
  await db?.close()
  await created?.drop()
  await receiver?.close()
})

it('a sender that is killed again and again leaves nothing out, keeps the order, and repeats only its last request', {
  timeout: atMost(process.env['TEST_LONG'] ? 300_000 : 90_000),
}, async () => {
  const variables = createVariablesService({ db, bus: createMemoryBus(), outbox: webhooks.outbox })
  const ids = Array.from({ length: EXECUTIONS }, newId)
  let isWriting = true
  // Slow enough that requests are under way whenever it is killed.
  receiver.answer = async (response) => {
    await sleep(5 + Math.random() * 20)
    response.writeHead(204).end()
  }
  const writing = Promise.all(
    ids.map(async (executionId) => {
      for (let count = 0; count < CHANGES; count += 1) {
        await variables.write({ executionId, writes: [increment('n')], actor: 'api:test' })
        await sleep(Math.random() * within(60))
      }
    }),
  ).then(() => {
    isWriting = false
  })
  let kills = 0
  while (isWriting || kills < 4) {
    const before = receiver.received.length
    await vi.waitFor(() => expect(receiver.received.length > before || isDone()).toBe(true), { timeout: within(30_000) })
    await sleep(Math.random() * 100)
    await sender.kill()
    kills += 1
    await sender.start()
  }
  await writing
  await vi.waitFor(() => expect(isDone()).toBe(true), { timeout: within(60_000), interval: 100 })

  let repeats = 0
  for (const [id, received] of byExecution()) {
    let revision = 0
    let last: Received | null = null
    for (const one of received) {
      if (one.body.from_revision <= revision) {
        // Not acknowledged as far as the sender knew: the same request once more.
        expect(one.headers['webhook-id'], id).toBe(last?.headers['webhook-id'])
        expect(one.text).toBe(last?.text)
        repeats += 1
      } else {
        expect(one.body.changes.map((change) => change.revision)).toEqual(range(revision + 1, one.body.to_revision))
        revision = one.body.to_revision
      }
      last = one
    }
    expect(revision).toBe(CHANGES)
  }
  console.log(`${kills} kills, ${receiver.received.length} requests, ${repeats} of them repeated`)

  function byExecution(): Map<string, Received[]> {
    const found = new Map<string, Received[]>()
    for (const one of receiver.received) {
      const id = /"execution_id":(\d+)/.exec(one.text)?.[1] ?? ''
      found.set(id, [...(found.get(id) ?? []), one])
    }
    return found
  }

  function isDone(): boolean {
    const found = byExecution()
    return (
      found.size === EXECUTIONS &&
      [...found.values()].every((received) => received.some(({ body }) => body.to_revision === CHANGES))
    )
  }
})

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
