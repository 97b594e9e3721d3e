import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import type { VariableWrite } from '../../src/commit/record.js'
import { TransientError } from '../../src/core/errors.js'
import type { JsonValue } from '../../src/core/json.js'
import type { Database, SqlParameter } from '../../src/db/database.js'
import { createVariablesService, type VariablesService } from '../../src/variables/service.js'
import { describeDatabase } from '../support/database.js'
import { within } from '../support/pace.js'
import { applyEvents, createService, increment, openWatch, remove, STREAMS, set, write } from './support.js'

const aName = fc.constantFrom('a', 'b', 'c')
const aWrite: fc.Arbitrary<VariableWrite> = fc.oneof(
  fc.tuple(aName, fc.integer({ min: 0, max: 3 })).map(([name, value]) => set(name, value)),
  aName.map((name) => remove(name)),
  aName.map((name) => increment(name)),
)
const aChangeSet = fc.uniqueArray(aWrite, { selector: (one) => one.name, minLength: 1, maxLength: 3 })

describe.each(STREAMS)('$of:', ({ newStream }) =>
  describeDatabase('a watch', (open) => {
    let db: Database
    let service: VariablesService
    beforeAll(async () => {
      db = await open()
      service = createService(db)
    })

    it('says where it starts, then delivers each revision once, whole and in order', async () => {
      const id = newStream()
      await write(service, id, set('a', 1))
      const watch = openWatch(service, { executionId: id })
      await watch.until((events) => events.length === 1)
      expect(watch.events[0]).toEqual({ kind: 'subscribed', executionId: id, revision: 1, changes: [] })
      await Promise.all([
        write(service, id, set('a', 2), set('b', 1)),
        write(service, id, set('c', 1)),
        write(service, id, remove('zz')),
      ])
      await watch.until((events) => events.length === 3)
      await watch.stop()
      expect(watch.changed().map((event) => event.revision)).toEqual([2, 3])
      const both = watch.changed().find((event) => event.changes.length === 2)
      expect(
        both?.changes.map(({ name, value, previousValue, operation, actor }) => ({
          name,
          value,
          previousValue,
          operation,
          actor,
        })),
      ).toEqual([
        { name: 'a', value: 2, previousValue: 1, operation: 'set', actor: 'api:test' },
        { name: 'b', value: 1, previousValue: null, operation: 'set', actor: 'api:test' },
      ])
    })

    it('after a list folds to what is there in the end, and misses nothing written at SUBSCRIBED', {
      timeout: within(60_000),
    }, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(aChangeSet, { maxLength: 4 }),
          fc.array(aChangeSet, { minLength: 1, maxLength: 8 }),
          async (before, after) => {
            const id = newStream()
            for (const writes of before) await write(service, id, ...writes)
            const { variables, revision } = await service.all(id)
            const watch = openWatch(service, { executionId: id, afterRevision: revision })
            await watch.until((events) => events.length > 0)
            const results = await Promise.all(after.map((writes) => write(service, id, ...writes)))
            const last = Math.max(revision, ...results.map((result) => result.revision))
            await watch.until((events) => (events.at(-1)?.revision ?? 0) >= last)
            await watch.stop()
            const revisions = watch.changed().map((event) => event.revision)
            expect(revisions).toEqual(Array.from({ length: last - revision }, (_, index) => revision + index + 1))
            const start = new Map(variables.map((variable) => [variable.name, variable.value]))
            expect(Object.fromEntries(applyEvents(start, watch.events))).toEqual(await service.values(id))
          },
        ),
        { numRuns: 10 },
      )
    })

    it('resumes from any revision, and shows the same changes that asOf shows', { timeout: within(60_000) }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(aChangeSet, { minLength: 1, maxLength: 8 }), async (sets) => {
          const id = newStream()
          for (const writes of sets) await write(service, id, ...writes)
          const { revision: last } = await service.all(id)
          for (let from = 0; from <= last; from += 1) {
            const watch = openWatch(service, { executionId: id, afterRevision: from })
            await watch.until((events) => (events.at(-1)?.revision ?? -1) >= last)
            await watch.stop()
            expect(watch.changed().map((event) => event.revision)).toEqual(
              Array.from({ length: last - from }, (_, index) => from + index + 1),
            )
            const start = new Map<string, JsonValue>(Object.entries(await service.values(id, from)))
            expect(Object.fromEntries(applyEvents(start, watch.events))).toEqual(await service.values(id))
          }
        }),
        { numRuns: 8 },
      )
    })

    it('waits for an execution that does not exist yet, and for a revision in the future', async () => {
      const id = newStream()
      const fromNow = openWatch(service, { executionId: id })
      const future = openWatch(service, { executionId: id, afterRevision: 2 })
      await fromNow.until((events) => events.length === 1)
      await future.until((events) => events.length === 1)
      for (let value = 1; value <= 4; value += 1) await write(service, id, set('a', value))
      await fromNow.until((events) => events.length === 5)
      await future.until((events) => events.length === 3)
      await Promise.all([fromNow.stop(), future.stop()])
      expect(fromNow.events.map((event) => event.revision)).toEqual([0, 1, 2, 3, 4])
      expect(future.events.map((event) => event.revision)).toEqual([2, 3, 4])
    })

    it('filters by name and type, and bookmarks what it held back', async () => {
      const id = newStream()
      const byName = openWatch(service, { executionId: id, names: ['b'] })
      const byType = openWatch(service, { executionId: id, types: ['computed'] })
      await byName.until((events) => events.length === 1)
      await byType.until((events) => events.length === 1)
      await write(service, id, set('a', 1), set('b', 1))
      await write(service, id, set('c', 1, { type: 'computed' }))
      await write(service, id, set('a', 2))
      const openedAt = performance.now()
      await byName.until((events) => events.at(-1)?.kind === 'bookmark')
      await byType.until((events) => events.at(-1)?.kind === 'bookmark')
      expect(performance.now() - openedAt).toBeLessThan(within(6_000))
      await Promise.all([byName.stop(), byType.stop()])
      expect(byName.events.map(({ kind, revision, changes }) => [kind, revision, changes.length])).toEqual([
        ['subscribed', 0, 0],
        ['changed', 1, 1],
        ['bookmark', 3, 0],
      ])
      expect(byType.events.map(({ kind, revision }) => [kind, revision])).toEqual([
        ['subscribed', 0],
        ['changed', 2],
        ['bookmark', 3],
      ])
    })

    it('needs no hint: the database is asked, too', async () => {
      const deaf = createVariablesService({ db, bus: createMemoryBus() })
      const id = newStream()
      const watch = openWatch(deaf, { executionId: id })
      await watch.until((events) => events.length === 1)
      await write(service, id, set('a', 1))
      await watch.until((events) => events.length === 2, 3_000)
      await write(service, id, set('a', 2))
      await watch.until((events) => events.length === 3, 3_000)
      await watch.stop()
    })

    it('never cuts a revision that is larger than what it reads ahead', async () => {
      const id = newStream()
      const many = Array.from({ length: 500 }, (_, index) => set(`v${index}`, 'x'.repeat(100)))
      await write(service, id, set('first', 1))
      await write(service, id, ...many)
      await write(service, id, ...many.slice(0, 20).map((one) => set(one.name, Math.random().toString(36).repeat(10_000))))
      await write(service, id, set('last', 1))
      const watch = openWatch(service, { executionId: id, afterRevision: 0 })
      await watch.until((events) => events.at(-1)?.revision === 4)
      await watch.stop()
      expect(watch.changed().map((event) => event.changes.length)).toEqual([1, 500, 20, 1])
    })

    it('reads ahead so many rows or bytes and no more, however much there is', async () => {
      const id = newStream()
      const small = Array.from({ length: 450 }, (_, index) => write(service, id, set(`s${index}`, index)))
      await Promise.all(small)
      const large = Array.from({ length: 20 }, (_, index) =>
        write(service, id, set(`l${index}`, `${index}${'x'.repeat(200_000)}`)),
      )
      await Promise.all(large)
      const pages: { readonly rows: number; readonly bytes: number }[] = []
      const observed: Database = {
        ...db,
        rows: async <Row>(text: string, ...values: SqlParameter[]) => {
          const rows = await db.rows<Row>(text, ...values)
          const bytes = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).length
          if (text.includes('WITH ahead')) pages.push({ rows: rows.length, bytes })
          return rows
        },
      }
      const watch = openWatch(createService(observed), { executionId: id, afterRevision: 0 })
      await watch.until((events) => events.at(-1)?.revision === 470, 20_000)
      await watch.stop()
      expect(Math.max(...pages.map(({ rows }) => rows))).toBe(200)
      // A mebibyte of values, and what stands around them.
      expect(Math.max(...pages.map(({ bytes }) => bytes))).toBeLessThan(1.2 * 1024 * 1024)
      expect(Math.max(...pages.map(({ bytes }) => bytes))).toBeGreaterThan(0.7 * 1024 * 1024)
    })

    it('lives on while the database does not answer, and misses nothing', async () => {
      const id = newStream()
      let isAway = false
      let refused = 0
      const shaky: Database = {
        ...db,
        rows: async <Row>(text: string, ...values: SqlParameter[]) => {
          if (!isAway) return db.rows<Row>(text, ...values)
          refused += 1
          throw new TransientError('OVERLOADED', 'the database does not answer')
        },
      }
      const watch = openWatch(createService(shaky), { executionId: id })
      await watch.until((events) => events.length === 1)
      for (let value = 1; value <= 10; value += 1) {
        isAway = value > 3 && value < 8
        await write(service, id, set('a', value))
        await sleep(isAway ? 300 : 20)
      }
      await watch.until((events) => events.at(-1)?.revision === 10)
      await watch.stop()
      expect(refused).toBeGreaterThan(0)
      expect(watch.changed().map((event) => event.revision)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    })

    it('polls: at once, after a wait, or nothing at its end', async () => {
      const id = newStream()
      const signal = new AbortController().signal
      await write(service, id, set('a', 1))
      expect(await service.poll({ executionId: id, afterRevision: 0, waitMs: within(5_000), signal })).toMatchObject({
        revision: 1,
        changes: [{ name: 'a' }],
      })
      expect(await service.poll({ executionId: id, afterRevision: 1, waitMs: 50, signal })).toEqual({ revision: 1, changes: [] })
      const waiting = service.poll({ executionId: id, afterRevision: 1, waitMs: within(5_000), signal, names: ['b'] })
      await write(service, id, set('a', 2))
      await write(service, id, set('b', 1))
      expect(await waiting).toMatchObject({ revision: 3, changes: [{ name: 'b', revision: 3 }] })
    })

    it('refuses what is not a revision', async () => {
      const id = newStream()
      for (const afterRevision of [-1, 1.5, Number.NaN]) {
        await expect(openWatch(service, { executionId: id, afterRevision }).until(() => false)).rejects.toMatchObject({
          code: 'VALIDATION',
        })
      }
    })
  }),
)
