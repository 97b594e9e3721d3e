import { beforeAll, expect, test } from 'vitest'
import { type JsonObject, LosslessNumber, stringifyJson } from '../../src/core/json.js'
import type { Database } from '../../src/db/database.js'
import { readExecution, readExecutions } from '../../src/executions/record-store.js'
import { findExecution, lockExecution } from '../../src/executions/store.js'
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
})
