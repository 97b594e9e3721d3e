import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import type { Database } from '../../src/db/database.js'
import { findExecution } from '../../src/executions/store.js'
import { createRetention } from '../../src/variables/retention/retention.js'
import type { VariablesService } from '../../src/variables/service.js'
import { describeDatabase } from '../support/database.js'
import { updateExecution } from '../support/executions.js'
import { within } from '../support/pace.js'
import { createService, increment, newId, openWatch, remove, STREAMS, set, write } from './support.js'

const DAY_MS = 86_400_000

describeDatabase('retention', (open) => {
  let db: Database
  let service: VariablesService
  beforeAll(async () => {
    db = await open()
    service = createService(db)
  })

  it('trims whole revisions, and the past from the oldest on stays exact', { timeout: within(60_000) }, async () => {
    const name = fc.constantFrom('a', 'b', 'c')
    const aWrite = fc.oneof(
      fc.tuple(name, fc.nat(2)).map(([one, value]) => set(one, value)),
      name.map((one) => remove(one)),
      name.map((one) => increment(one)),
    )
    const sets = fc.array(fc.uniqueArray(aWrite, { selector: (one) => one.name, minLength: 1 }), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(sets, fc.integer({ min: 1, max: 6 }), async (changeSets, historyLimit) => {
        const id = newId()
        for (const writes of changeSets) await write(service, id, ...writes)
        const { revision: last } = await service.all(id)
        const past = await Promise.all(Array.from({ length: last + 1 }, (_, revision) => service.values(id, revision)))
        await createRetention({ db, historyLimit, retentionDays: 30 }).runOnce()
        const execution = await findExecution(db, id)
        const oldest = execution?.oldestRevision ?? 0
        expect(execution?.historyCount ?? 0).toBeLessThanOrEqual(historyLimit)
        for (const [revision, values] of past.entries()) {
          if (revision < oldest) await expect(service.values(id, revision)).rejects.toMatchObject({ code: 'REVISION_GONE' })
          else expect(await service.values(id, revision)).toEqual(values)
        }
        const history = (await service.history({ executionId: id })).items
        expect(history).toHaveLength(execution?.historyCount ?? 0)
        expect(history.every((change) => change.revision > oldest)).toBe(true)
        const [base] = await db.rows<{ readonly count: bigint }>(
          'SELECT count(*) AS count FROM noetl.transient_history WHERE execution_id = $1::bigint AND revision <= $2::bigint',
          id,
          String(oldest),
        )
        expect(Number(base?.count)).toBe(Object.keys(past[oldest] ?? {}).length)
      }),
      { numRuns: 8 },
    )
  })

  it('forgets idempotency keys past their days, and no others', async () => {
    const insert = (key: string, days: number) =>
      db.run(
        `INSERT INTO transient.idempotency (key, execution_id, path, workload, created_at)
         VALUES ($1, 1, 'p', '{}', now() - $2 * interval '1 day')`,
        key,
        days,
      )
    await Promise.all([insert('old', 31), insert('older', 400), insert('young', 29)])
    await createRetention({ db, historyLimit: 1000, retentionDays: 30 }).runOnce()
    const rows = await db.rows<{ key: string }>('SELECT key FROM transient.idempotency')
    expect(rows.map(({ key }) => key)).toEqual(['young'])
  })

  it('makes a watch that fell behind fail, never skip', async () => {
    const id = newId()
    for (let value = 1; value <= 10; value += 1) await write(service, id, set('a', value))
    await createRetention({ db, historyLimit: 4, retentionDays: 30 }).runOnce()
    const behind = openWatch(service, { executionId: id, afterRevision: 5 })
    await expect(behind.until(() => false)).rejects.toMatchObject({ code: 'REVISION_GONE', details: { oldestRevision: 6 } })
    const fits = openWatch(service, { executionId: id, afterRevision: 6 })
    await fits.until((events) => events.length === 5)
    await fits.stop()
    const signal = new AbortController().signal
    await expect(service.poll({ executionId: id, afterRevision: 0, waitMs: 0, signal })).rejects.toMatchObject({
      code: 'REVISION_GONE',
    })
  })

  it('never purges a space, and trims its change log by age alone', async () => {
    const id = STREAMS[1].newStream()
    for (let n = 1; n <= 6; n += 1) await write(service, id, set('a', n), set(`b${n}`, n))
    const past = await service.values(id, 4)
    const age =
      "UPDATE noetl.transient_history SET changed_at = changed_at - interval '31 days' WHERE execution_id = $1::bigint AND revision <= 4"
    await db.run(age, id)
    await db.run(
      "UPDATE transient.execution SET updated_at = now() - interval '31 days', changed_minute = now() - interval '31 days' WHERE id = $1::bigint",
      id,
    )
    const retention = createRetention({ db, historyLimit: 1, retentionDays: 30 })
    expect(await retention.runOnce()).toMatchObject({ purged: 0 })
    expect(await findExecution(db, id)).toMatchObject({ oldestRevision: 4, historyCount: 4, variableCount: 7 })
    expect(await service.values(id, 4)).toEqual(past)
    await expect(service.values(id, 3)).rejects.toMatchObject({ code: 'REVISION_GONE' })
    expect((await service.history({ executionId: id })).items.map(({ revision }) => revision)).toEqual([5, 5, 6, 6])
    await db.run(age.replace(' AND revision <= 4', ''), id)
    await retention.runOnce()
    await retention.runOnce()
    expect(await findExecution(db, id)).toMatchObject({ oldestRevision: 6, historyCount: 0, variableCount: 7, revision: 6 })
    expect(await service.values(id)).toMatchObject({ a: 6, b1: 1, b6: 6 })
  })

  it('purges what ended long ago, but for its row', async () => {
    const id = newId()
    await write(service, id, set('a', 1))
    await updateExecution(db, id, { status: 'completed', finishedAt: new Date(Date.now() - 31 * DAY_MS) })
    const watch = openWatch(service, { executionId: id })
    await watch.until((events) => events.length === 1)
    const retention = createRetention({ db, historyLimit: 100, retentionDays: 30 })
    expect((await retention.runOnce()).purged).toBe(1)
    expect((await retention.runOnce()).purged).toBe(0)
    await expect(watch.until(() => false)).rejects.toMatchObject({ code: 'REVISION_GONE' })
    expect(await findExecution(db, id)).toMatchObject({ status: 'completed', revision: 1, variableCount: 0, historyCount: 0 })
    expect(await service.all(id)).toEqual({ revision: 1, variables: [] })
    expect((await service.history({ executionId: id })).totalCount).toBe(0)
    await expect(write(service, id, set('a', 2))).rejects.toMatchObject({ code: 'EXECUTION_FINISHED' })
    await expect(openWatch(service, { executionId: id }).until(() => false)).rejects.toMatchObject({ code: 'REVISION_GONE' })
  })

  it('purges an execution born by a write, which may then go on', async () => {
    const [old, fresh] = [newId(), newId()]
    for (const id of [old, fresh]) await write(service, id, set('a', 1), set('b', 1))
    await db.run(
      "UPDATE transient.execution SET updated_at = now() - interval '31 days', changed_minute = now() - interval '31 days' WHERE id = $1::bigint",
      old,
    )
    const retention = createRetention({ db, historyLimit: 100, retentionDays: 30 })
    expect((await retention.runOnce()).purged).toBe(1)
    expect((await retention.runOnce()).purged).toBe(0)
    expect(await service.values(fresh)).toEqual({ a: 1, b: 1 })
    expect(await service.all(old)).toEqual({ revision: 2, variables: [] })
    await expect(openWatch(service, { executionId: old, afterRevision: 1 }).until(() => false)).rejects.toMatchObject({
      code: 'REVISION_GONE',
    })
    const watch = openWatch(service, { executionId: old, afterRevision: 2 })
    const [outcome] = (await write(service, old, set('a', 1))).outcomes
    expect(outcome?.variable).toMatchObject({ revision: 3, version: 3 })
    await watch.until((events) => events.at(-1)?.revision === 3)
    await watch.stop()
  })

  it('trims a long history in small batches while writers go on', { timeout: within(60_000) }, async () => {
    const id = newId()
    await write(service, id, set('a', 0))
    const rows = 30_000
    await db.run(
      `INSERT INTO noetl.transient_history
         (execution_id, revision, seq, var_name, operation, value, var_type, actor, version, created_at, changed_at)
       SELECT $1::bigint, 1 + n, 1, 'v' || n % 10, 'set', to_jsonb(n), 'user_defined', 'system', 1, now(), now()
       FROM generate_series(1, ${rows}) n`,
      id,
    )
    await db.run(`UPDATE transient.execution SET revision = ${rows + 1}, history_count = ${rows + 1} WHERE id = $1::bigint`, id)
    const batches: number[] = []
    const observed: Database = {
      ...db,
      run: async (statement, ...values) => {
        const count = await db.run(statement, ...values)
        if (statement.startsWith('DELETE')) batches.push(count)
        return count
      },
    }
    let isDone = false
    const trimming = createRetention({ db: observed, historyLimit: 1_000, retentionDays: 30 })
      .runOnce()
      .finally(() => {
        isDone = true
      })
    const waits: number[] = []
    while (!isDone) {
      const began = performance.now()
      await write(service, id, set('a', waits.length + 1))
      waits.push(performance.now() - began)
    }
    expect((await trimming).trimmed).toBeGreaterThanOrEqual(1)
    expect(Math.max(...batches)).toBeLessThanOrEqual(5_000)
    expect(batches.length).toBeGreaterThanOrEqual(6)
    expect(waits.length).toBeGreaterThan(batches.length)
    expect(Math.max(...waits)).toBeLessThan(within(2_000))
    const execution = await findExecution(db, id)
    const [kept] = await db.rows<{ readonly count: bigint }>(
      'SELECT count(*) AS count FROM noetl.transient_history WHERE execution_id = $1::bigint AND revision > $2::bigint',
      id,
      String(execution?.oldestRevision ?? 0),
    )
    expect(Number(kept?.count)).toBe(execution?.historyCount)
  })
})
