import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import type { VariableWrite } from '../../src/commit/record.js'
import { systemClock } from '../../src/core/clock.js'
import { isSameJson, type JsonValue } from '../../src/core/json.js'
import type { Database } from '../../src/db/database.js'
import { findExecution, lockExecution } from '../../src/executions/store.js'
import { NO_KEYS } from '../../src/sealing/key-ring.js'
import { createVariablesService, type VariablesService } from '../../src/variables/service.js'
import { describeDatabase } from '../support/database.js'
import { within } from '../support/pace.js'
import { createService, increment, newId, remove, set, write } from './support.js'

const aName = fc.constantFrom('a', 'b', 'c')
const aWrite: fc.Arbitrary<VariableWrite> = fc.oneof(
  fc.tuple(aName, fc.constantFrom<JsonValue>(0, 1, 'x')).map(([name, value]) => set(name, value)),
  fc.tuple(aName, fc.nat(3)).map(([name, expectedVersion]) => set(name, 'cas', { expectedVersion })),
  aName.map((name) => remove(name)),
  aName.map((name) => increment(name)),
)
const aChangeSet = fc.uniqueArray(aWrite, { selector: (one) => one.name, minLength: 1, maxLength: 3 })

describeDatabase('writes that share a transaction', (open) => {
  let db: Database
  let service: VariablesService
  beforeAll(async () => {
    db = await open()
    service = createService(db)
  })

  it('leave one log: gapless, each value following the one before, and rows and counters as it says', {
    timeout: within(60_000),
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(2), aChangeSet), { minLength: 1, maxLength: 25 }), async (sets) => {
        const ids = [newId(), newId(), newId()]
        const answers = await Promise.allSettled(sets.map(([which, writes]) => write(service, ids[which] as string, ...writes)))
        for (const id of ids) {
          const { variables, revision } = await service.all(id)
          const history = (await service.history({ executionId: id, first: 250 })).items
          const live = new Map<string, JsonValue>()
          for (const change of history) {
            expect(isSameJson(change.previousValue, live.get(change.name) ?? null)).toBe(true)
            if (change.operation === 'delete') live.delete(change.name)
            else live.set(change.name, change.value)
          }
          expect([...new Set(history.map((change) => change.revision))]).toEqual(
            Array.from({ length: revision }, (_, index) => index + 1),
          )
          expect(Object.fromEntries(variables.map((variable) => [variable.name, variable.value]))).toEqual(
            Object.fromEntries(live),
          )
          for (const variable of variables) {
            expect(variable.version).toBe(history.filter((change) => change.name === variable.name).length)
          }
          const execution = await findExecution(db, id)
          expect(execution?.historyCount ?? 0).toBe(history.length)
          expect(execution?.variableCount ?? 0).toBe(live.size)
          expect(execution?.eventSeq ?? 0).toBe(revision)
        }
        for (const answer of answers) {
          if (answer.status === 'rejected') expect(['CONFLICT', 'VALIDATION']).toContain(answer.reason.code)
        }
      }),
      { numRuns: 15 },
    )
  })

  it('are refused alone, and leave no execution behind where all were', async () => {
    const [good, bad] = [newId(), newId()]
    const answers = await Promise.allSettled([
      ...Array.from({ length: 10 }, (_, index) => write(service, good, set(`v${index}`, index))),
      write(service, bad, set('a b', 1)),
      write(service, bad, set('a', 1, { expectedVersion: 2 })),
      write(service, good, increment('v0', 'x')),
      write(service, good, set('last', 1)),
    ])
    expect(answers.map((answer) => answer.status === 'fulfilled')).toEqual([
      ...Array<boolean>(10).fill(true),
      false,
      false,
      false,
      true,
    ])
    expect(await service.all(good)).toMatchObject({ revision: 11 })
    expect(await findExecution(db, bad)).toBeNull()
  })

  it('keep the time of creation to the microsecond, and start anew after a delete', async () => {
    const id = newId()
    await write(service, id, set('kept', 0), set('replaced', 0))
    await db.run("UPDATE noetl.transient SET created_at = '2020-01-01T00:00:00.123456Z' WHERE execution_id = $1::bigint", id)
    await service.read(id, 'replaced')
    await Promise.all([
      write(service, id, set('kept', 1)),
      write(service, id, set('kept', 2)),
      write(service, id, remove('replaced')),
      write(service, id, set('replaced', 1)),
      write(service, id, set('replaced', 2)),
    ])
    const rows = await db.rows<{ name: string; at: string; old: boolean }>(
      `SELECT var_name AS name, bool_and(created_at = '2020-01-01T00:00:00.123456Z') AS old FROM (
         SELECT var_name, created_at FROM noetl.transient WHERE execution_id = $1::bigint
         UNION ALL SELECT var_name, created_at FROM noetl.transient_history
           WHERE execution_id = $1::bigint AND revision > 1 AND var_name = 'kept') every GROUP BY var_name ORDER BY var_name`,
      id,
    )
    expect(rows.map(({ name, old }) => [name, old])).toEqual([
      ['kept', true],
      ['replaced', false],
    ])
    expect(await service.find(id, 'replaced')).toMatchObject({ value: 2, version: 4, accessCount: 0 })
  })

  it('do not wait for an execution that a step holds', async () => {
    const [held, free] = [newId(), newId()]
    await write(service, held, set('a', 0))
    const order: string[] = []
    let blocked: Promise<unknown> = Promise.resolve()
    await db.transaction(async (tx) => {
      await lockExecution(tx, held)
      blocked = Promise.all([1, 2].map((value) => write(service, held, set('a', value)).then(() => order.push(`held ${value}`))))
      await Promise.all(Array.from({ length: 10 }, (_, index) => write(service, free, set('a', index + 1))))
      order.push('free')
    })
    await blocked
    expect(order).toEqual(['free', 'held 1', 'held 2'])
    expect(await service.find(held, 'a')).toMatchObject({ value: 2, version: 3 })
  })

  it('keep their order, also beside a deletion of everything, which has a transaction of its own', async () => {
    const id = newId()
    const [, deleted, last] = await Promise.all([
      write(service, id, set('a', 1), set('b', 1)),
      service.deleteAll(id, 'api:test'),
      write(service, id, set('c', 1)),
    ])
    expect(deleted).toEqual({ revision: 2, deletedCount: 2 })
    expect(last.revision).toBe(3)
    expect(await service.values(id)).toEqual({ c: 1 })
  })

  it('beyond what may wait is told to come back, and nobody who waited is harmed', async () => {
    const queue = createVariablesService({
      db,
      bus: createMemoryBus({ onError: () => undefined }),
      clock: systemClock,
      keyRing: NO_KEYS,
      maxWaiting: 20,
    })
    const id = newId()
    const answers = await Promise.allSettled(
      Array.from({ length: 30 }, (_, index) =>
        queue.write({ executionId: id, writes: [set(`v${index}`, index)], actor: 'api:test' }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual([...Array(20).fill('fulfilled'), ...Array(10).fill('rejected')])
    expect(answers.at(-1)).toMatchObject({ reason: { code: 'OVERLOADED' } })
    expect((await service.all(id)).revision).toBe(20)
    await expect(queue.write({ executionId: id, writes: [set('later', 1)], actor: 'api:test' })).resolves.toMatchObject({
      revision: 21,
    })
  })

  it('a change set larger than what may wait is alone in the queue, not refused for ever', async () => {
    const queue = createVariablesService({
      db,
      bus: createMemoryBus({ onError: () => undefined }),
      clock: systemClock,
      keyRing: NO_KEYS,
      maxWaiting: 2,
    })
    const writes = ['a', 'b', 'c'].map((name) => set(name, 1))
    await expect(queue.write({ executionId: newId(), writes, actor: 'api:test' })).resolves.toMatchObject({ revision: 1 })
  })

  it('one bad row among 200 good ones fails alone, in one transaction', async () => {
    const ids = Array.from({ length: 200 }, () => newId())
    const bad = newId()
    const answers = await Promise.allSettled([
      ...ids.slice(0, 100).map((id) => write(service, id, set('a', 1))),
      write(service, bad, set('a', '\u0000')),
      ...ids.slice(100).map((id) => write(service, id, set('a', 1))),
    ])
    expect(answers.filter(({ status }) => status === 'rejected')).toEqual([
      expect.objectContaining({ reason: expect.objectContaining({ code: 'VALIDATION' }) }),
    ])
    expect(answers[100]?.status).toBe('rejected')
  })
})
