import { beforeAll, describe, expect, it } from 'vitest'
import type { VariableWrite } from '../../src/commit/record.js'
import type { Database } from '../../src/db/database.js'
import { createExpiry } from '../../src/variables/expiry/expiry.js'
import type { VariablesService } from '../../src/variables/service.js'
import { describeDatabase } from '../support/database.js'
import { updateExecution } from '../support/executions.js'
import { createService, increment, openWatch, remove, STREAMS, set, write } from './support.js'

const timed = (name: string, value: number, ttl: number): VariableWrite => ({ ...set(name, value), ttl }) as VariableWrite

describe.each(STREAMS)('$of:', ({ newStream }) =>
  describeDatabase('a variable with a ttl', (open) => {
    let db: Database
    let service: VariablesService
    beforeAll(async () => {
      db = await open()
      service = createService(db)
    })

    const ttlOf = async (id: string) => {
      const rows = await db.rows<{ name: string; seconds: number }>(
        `SELECT var_name AS name, round(extract(epoch FROM expires_at - now()))::int AS seconds FROM transient.expiry
         WHERE execution_id = $1::bigint ORDER BY var_name`,
        id,
      )
      return Object.fromEntries(rows.map(({ name, seconds }) => [name, seconds]))
    }
    /** As if that much time had passed. */
    const pass = (id: string, seconds: number) =>
      db.run(
        `UPDATE transient.expiry SET expires_at = expires_at - $2::int * interval '1 second' WHERE execution_id = $1::bigint`,
        id,
        seconds,
      )
    const expire = () => createExpiry({ db, variables: service }).runOnce()

    it('is deleted by system when its time is over, not before, as a revision of its own', async () => {
      const id = newStream()
      await write(service, id, timed('a', 1, 60), set('b', 1))
      expect(await ttlOf(id)).toEqual({ a: 60 })
      await pass(id, 50)
      expect(await expire()).toBe(0)
      const watch = openWatch(service, { executionId: id })
      await watch.until((events) => events.length === 1)
      await pass(id, 11)
      expect(await expire()).toBe(1)
      await watch.until((events) => events.length === 2)
      await watch.stop()
      expect(watch.changed()).toMatchObject([
        { revision: 2, changes: [{ name: 'a', operation: 'delete', actor: 'system', previousValue: 1 }] },
      ])
      expect(await service.values(id)).toEqual({ b: 1 })
      expect(await service.values(id, 1)).toEqual({ a: 1, b: 1 })
      expect(await ttlOf(id)).toEqual({})
      expect(await expire()).toBe(0)
    })

    it.each<[string, VariableWrite, Record<string, number>]>([
      ['another value', set('a', 2), { a: 2 }],
      ['an increment', increment('a'), { a: 2 }],
    ])('is kept when %s is written meanwhile', async (_what, next, left) => {
      const id = newStream()
      await write(service, id, timed('a', 1, 60))
      await write(service, id, next)
      await pass(id, 61)
      expect(await expire()).toBe(0)
      expect(await service.values(id)).toEqual(left)
      expect(await ttlOf(id)).toEqual({})
    })

    it('begins anew with every write that has a ttl, of the same value, too', async () => {
      const id = newStream()
      await write(service, id, timed('a', 1, 60))
      await pass(id, 59)
      const again = await write(service, id, timed('a', 1, 60))
      expect(again).toMatchObject({ revision: 2, outcomes: [{ isChanged: true }] })
      await pass(id, 2)
      expect(await expire()).toBe(0)
      expect(await ttlOf(id)).toEqual({ a: 58 })
    })

    it('is deleted at once by a delete; what is made anew under its name stays', async () => {
      const id = newStream()
      await write(service, id, timed('a', 1, 60))
      await write(service, id, remove('a'))
      await write(service, id, set('a', 3))
      await pass(id, 61)
      expect(await expire()).toBe(0)
      expect(await service.values(id)).toEqual({ a: 3 })
    })

    it('is deleted once, however many processes look for it', async () => {
      const id = newStream()
      await write(service, id, ...Array.from({ length: 20 }, (_, n) => timed(`v${n}`, n, 60)))
      await pass(id, 61)
      const deleted = await Promise.all(Array.from({ length: 4 }, expire))
      expect(deleted.reduce((sum, count) => sum + count, 0)).toBe(20)
      expect(
        (await service.history({ executionId: id, first: 250 })).items.filter(({ operation }) => operation === 'delete'),
      ).toHaveLength(20)
    })

    it.each([0, -1, 1.5, 2 ** 31, Number.NaN])('refuses a ttl of %s, and writes nothing', async (ttl) => {
      const id = newStream()
      await expect(write(service, id, set('b', 1), timed('a', 1, ttl))).rejects.toMatchObject({
        code: 'VALIDATION',
        details: { field: 'ttl' },
      })
      expect(await service.values(id)).toEqual({})
    })
  }),
)

describeDatabase('an execution that has ended', (open) => {
  it('keeps a variable whose ttl is over, and the ttl is forgotten', async () => {
    const db = await open()
    const service = createService(db)
    await write(service, '5', timed('a', 1, 1))
    await updateExecution(db, '5', { status: 'completed', finishedAt: new Date() })
    await db.run('UPDATE transient.expiry SET expires_at = now()')
    expect(await createExpiry({ db, variables: service }).runOnce()).toBe(0)
    expect(await service.values('5')).toEqual({ a: 1 })
    expect(await db.rows('SELECT FROM transient.expiry')).toEqual([])
  })
})
