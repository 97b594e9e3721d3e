import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { type JsonObject, LosslessNumber, stringifyJson } from '../../src/core/json.js'
import type { Database } from '../../src/db/index.js'
import { readExecution, readExecutions } from '../../src/executions/record-store.js'
import {
  appendEvents,
  findExecution,
  lockExecution,
  lockExecutions,
  lockOrCreateExecution,
  updateExecution,
} from '../../src/executions/store.js'
import { describeDatabase } from '../support/database.js'
import { insertExecution } from '../support/executions.js'

describeDatabase('execution store', (open) => {
  let db: Database
  beforeAll(async () => {
    db = await open()
    await db.run(`INSERT INTO transient.playbook (path, version, name, source) VALUES ('a/b', 2, 'b', 'x')`)
  })

  test('an execution is found as it was inserted, digits included', async () => {
    const workload: JsonObject = { id: new LosslessNumber('12345678901234567890'), list: [1, null, { x: '\u00e9' }] }
    const inserted = await db.transaction((tx) =>
      insertExecution(tx, {
        id: '507861119290048685',
        status: 'pending',
        playbookPath: 'a/b',
        playbookVersion: 2,
        workload,
        payload: { id: 1 },
        parentId: '9007199254740993',
        parentTaskId: '9007199254740993-1-1',
        depth: 3,
        rerunOf: '8',
        inherited: { step: 'x' },
      }),
    )
    const found = await findExecution(db, '507861119290048685')
    expect(found).toEqual(inserted)
    expect(found).toMatchObject({
      id: '507861119290048685',
      status: 'pending',
      playbookPath: 'a/b',
      playbookVersion: 2,
      payload: { id: 1 },
      parentId: '9007199254740993',
      parentTaskId: '9007199254740993-1-1',
      depth: 3,
      rerunOf: '8',
      inherited: { step: 'x' },
      revision: 0,
      eventSeq: 0,
      runSeq: 0,
      error: null,
      finishedAt: null,
    })
    expect(stringifyJson(found?.workload ?? null)).toContain('12345678901234567890')
    expect(found?.createdAt).toBeInstanceOf(Date)
    expect(await readExecution(db, '507861119290048685')).toEqual(found)
  })

  test('callers read the same records as the engine, in the order in which they ask', async () => {
    await db.run(
      `INSERT INTO transient.execution (id, status, revision, event_seq, oldest_revision, run_seq, step_count, variable_count, variable_bytes, history_count, error, sensitive, sealed, finished_at)
       VALUES (141, 'failed', 9, 8, 7, 6, 5, 4, 9007199254740991, 2, '{"code": "X", "message": "m", "step": null, "attempt": 1}', '["a", "workload.b"]', 'k:x', now()),
         (142, 'running', 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL)`,
    )
    const ids = ['142', '4711', '141', '142']
    const read = await readExecutions(db, ids)
    expect(read).toEqual(await Promise.all(ids.map((id) => findExecution(db, id))))
    expect(read[2]).toMatchObject({ error: { code: 'X' }, sensitive: ['a', 'workload.b'], variableBytes: 9007199254740991 })
    expect(await readExecutions(db, [])).toEqual([])
  })

  test('what is not there is null', async () => {
    expect(await readExecution(db, '404')).toBeNull()
    expect(await findExecution(db, '404')).toBeNull()
    expect(await db.transaction((tx) => lockExecution(tx, '404'))).toBeNull()
  })

  test('a write creates an execution that is running and has no playbook; once, however many write', async () => {
    const born = await Promise.all(Array.from({ length: 5 }, () => db.transaction((tx) => lockOrCreateExecution(tx, '41'))))
    expect(new Set(born.map(({ createdAt }) => createdAt.getTime())).size).toBe(1)
    expect(born[0]).toMatchObject({
      id: '41',
      status: 'running',
      playbookPath: null,
      playbookVersion: null,
      workload: null,
      revision: 0,
    })
  })

  test('a patch writes its columns only, and moves updated_at', async () => {
    await db.transaction((tx) => lockOrCreateExecution(tx, '42'))
    await db.run(`UPDATE transient.execution SET updated_at = 'epoch' WHERE id = 42`)
    const finishedAt = new Date('2026-01-02T03:04:05.678Z')
    const error = { code: 'TOOL_FAILED', message: 'no', step: 's', attempt: 2 } as const
    await db.transaction((tx) => updateExecution(tx, '42', { revision: 7, eventSeq: 9, status: 'failed', error, finishedAt }))
    await db.transaction((tx) =>
      updateExecution(tx, '42', {
        oldestRevision: 1,
        runSeq: 2,
        stepCount: 3,
        variableCount: 4,
        variableBytes: 5,
        historyCount: 6,
      }),
    )
    expect(await findExecution(db, '42')).toMatchObject({
      status: 'failed',
      revision: 7,
      eventSeq: 9,
      error,
      finishedAt,
      oldestRevision: 1,
      runSeq: 2,
      stepCount: 3,
      variableCount: 4,
      variableBytes: 5,
      historyCount: 6,
    })
    await db.transaction((tx) => updateExecution(tx, '42', { error: null, workload: { a: 1 }, finishedAt: null }))
    expect(await findExecution(db, '42')).toMatchObject({ error: null, finishedAt: null, workload: { a: 1 }, revision: 7 })
    expect(
      await db.rows(`SELECT updated_at > now() - interval '1 minute' AS is_new FROM transient.execution WHERE id = 42`),
    ).toEqual([{ is_new: true }])
  })

  test('events get consecutive numbers and keep their data', async () => {
    const seq = await db.transaction((tx) =>
      appendEvents(tx, {
        executionId: '43',
        eventSeq: 4,
        revision: 2,
        events: [
          { name: 'execution.started' },
          {
            name: 'step.completed',
            step: "o'brien",
            run: 1,
            attempt: 2,
            data: { n: new LosslessNumber('12345678901234567890.50') },
          },
        ],
      }),
    )
    expect(seq).toBe(6)
    expect(await appendEvents(db, { executionId: '43', eventSeq: 6, revision: 2, events: [] })).toBe(6)
    expect(
      await db.rows(
        'SELECT seq, revision, name, step, run, attempt, data::text AS data FROM transient.event WHERE execution_id = 43 ORDER BY seq',
      ),
    ).toEqual([
      { seq: 5n, revision: 2n, name: 'execution.started', step: null, run: null, attempt: null, data: null },
      {
        seq: 6n,
        revision: 2n,
        name: 'step.completed',
        step: "o'brien",
        run: 1,
        attempt: 2,
        data: '{"n": 12345678901234567890.50}',
      },
    ])
  })

  test('several executions are locked in the order of their ids', async () => {
    for (const id of ['52', '50', '51']) await db.transaction((tx) => lockOrCreateExecution(tx, id))
    const locked = await db.transaction((tx) => lockExecutions(tx, ['52', '50', '404', '51']))
    expect(locked.map(({ id }) => id)).toEqual(['50', '51', '52'])
  })

  test('the lock makes revisions gapless, whatever runs at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt(1000n, 2n ** 60n), fc.integer({ min: 2, max: 8 }), async (number, writers) => {
        const id = String(number)
        await db.run('DELETE FROM transient.execution WHERE id = $1::bigint', id)
        const revisions = await Promise.all(
          Array.from({ length: writers }, () =>
            db.transaction(async (tx) => {
              const { revision } = await lockOrCreateExecution(tx, id)
              await updateExecution(tx, id, { revision: revision + 1 })
              return revision + 1
            }),
          ),
        )
        expect(revisions.sort((a, b) => a - b)).toEqual(Array.from({ length: writers }, (_, index) => index + 1))
      }),
      { numRuns: 10 },
    )
  })
})
