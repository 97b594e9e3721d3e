import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createRetention } from '../../src/variables/retention/retention.js'
import { describeDatabase, type TestDatabase } from '../support/database.js'
import { WAIT } from '../support/pace.js'
import { type Receiver, startReceiver } from '../support/webhooks.js'
import { increment, newId, set, write } from '../variables/support.js'
import { about, type Bench, openBench } from './support.js'

describeDatabase('several processes', (open) => {
  let db: TestDatabase
  let one: Bench
  let other: Bench
  let receiver: Receiver
  beforeAll(async () => {
    db = await open()
    one = await openBench(db, true)
    other = await openBench(db, true)
    receiver = await startReceiver()
  })
  afterAll(async () => {
    for (const { webhooks } of [one, other]) {
      await webhooks.sender.stop()
      await webhooks.close()
    }
    await receiver.close()
  })

  const revisions = (id: string) => about(receiver, id).flatMap(({ body }) => body.changes.map(({ revision }) => revision))

  it('a hook that was just made is told of every change from then on, whoever writes it', async () => {
    const [before, after] = [newId(), newId()]
    await write(other.variables, before, set('n', 0))
    await write(other.variables, before, increment('n'))
    const hook = await one.create(receiver.url)
    await write(other.variables, before, increment('n'))
    await write(other.variables, after, set('n', 0))
    await write(one.variables, before, increment('n'))
    await vi.waitFor(() => expect([revisions(before).slice(-2), revisions(after)]).toEqual([[3, 4], [1]]), WAIT)
    await other.webhooks.service.update(hook.id, { name: hook.name, url: receiver.url, events: ['variables'], names: ['m', 'n'] })
    await write(one.variables, after, set('o', 0))
    await write(one.variables, after, set('m', 0))
    await vi.waitFor(() => expect(revisions(after)).toEqual([1, 3]), WAIT)
  })

  it('both send, and for one execution only one of them at a time', async () => {
    const ids = Array.from({ length: 30 }, newId)
    await Promise.all(
      ids.map(async (id, index) => {
        for (let count = 0; count < 10; count += 1) await write((index % 2 === 0 ? one : other).variables, id, increment('n'))
      }),
    )
    await vi.waitFor(() => {
      for (const id of ids) expect(revisions(id).at(-1)).toBe(10)
    }, WAIT)
    for (const id of ids) expect(revisions(id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(receiver.mostOpen()).toBeLessThanOrEqual(8)
  })

  it('the list is read again inside a transaction when it is too old', async () => {
    const late = newId()
    const outbox = other.webhooks.outbox
    const now = performance.now()
    const clock = vi.spyOn(performance, 'now').mockReturnValue(now + 60_000)
    try {
      expect(outbox.pointersOf({ changes: [], events: [] } as never)).toBeNull()
      await write(other.variables, late, set('n', 0))
    } finally {
      clock.mockRestore()
    }
    await vi.waitFor(() => expect(revisions(late)).toEqual([1]), WAIT)
  })

  it('rows go with the execution', async () => {
    const id = newId()
    await write(one.variables, id, set('n', 0))
    await vi.waitFor(() => expect(revisions(id)).toEqual([1]), WAIT)
    await createRetention({
      db,
      historyLimit: 1_000,
      retentionDays: 0,
      clock: { now: () => new Date(Date.now() + 1_000) },
    }).runOnce()
    const [left] = await db.rows<{ count: bigint }>(
      'SELECT count(*) AS count FROM transient.webhook_delivery WHERE execution_id = $1::bigint',
      id,
    )
    expect(left?.count).toBe(0n)
  })
})
