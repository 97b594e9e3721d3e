import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/database.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { type CreatedDatabase, createMigratedDatabase } from '../support/database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { within } from '../support/pace.js'
import { increment, write } from '../variables/support.js'

/** TEST_LONG=1 makes all thousand; `.ci/run` does. */
const COUNT = process.env['TEST_LONG'] === '1' ? 1_000 : 200

const ADD = `UPDATE noetl.transient SET var_value = to_jsonb((var_value #>> '{}')::numeric + 1) WHERE execution_id = $1 AND var_name = 'counter'`

const LOOP = `apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: loop, path: test/loop}
workload: {items: []}
workflow:
  - step: start
    vars: {counter: 0}
    next: count
  - step: count
    type: iterator
    collection: "{{ workload.items }}"
    element: number
    mode: async
    concurrency: 16
    task:
      tool: {kind: python, code: "result = 1"}
      vars: {counter: "{{ vars.counter + 1 }}"}
`

describe.each(['read committed', 'repeatable read', 'serializable'])('steps where a database has %s for its default', (level) => {
  let database: CreatedDatabase
  let db: Database
  let engine: Engine
  let program: pg.Client
  beforeAll(async () => {
    database = await createMigratedDatabase()
    program = new pg.Client({ connectionString: database.url })
    await program.connect()
    await program.query(
      `ALTER DATABASE "${new URL(database.url).pathname.slice(1)}" SET default_transaction_isolation = '${level}'`,
    )
    db = createPostgresDatabase(database.url)
    engine = await openEngine(db)
  })
  afterAll(async () => {
    await engine.close()
    await program.end()
    await db.close()
    await database.drop()
  })

  it(`an iterator of ${COUNT} counts, beside writes of the service and of plain SQL, and none is lost`, {
    timeout: within(120_000),
  }, async () => {
    const { id } = await engine.start(LOOP, { items: Array.from({ length: COUNT }, (_, index) => index) })
    await expect.poll(async () => (await engine.variables.find(id, 'counter')) !== null).toBe(true)
    let [own, service] = [0, 0]
    let isRunning = true
    const adding = (async () => {
      while (isRunning) {
        own += (await program.query(ADD, [id])).rowCount ?? 0
        await sleep(2)
      }
    })()
    const writing = (async () => {
      while (isRunning) {
        await sleep(2)
        await write(engine.variables, id, increment('counter')).then(
          () => {
            service += 1
          },
          (error: { code: string }) => expect(error.code).toBe('EXECUTION_FINISHED'),
        )
      }
    })()
    const execution = await engine.ended(id)
    isRunning = false
    await Promise.all([adding, writing])
    expect(execution).toMatchObject({ status: 'completed', error: null })
    expect(Math.min(own, service)).toBeGreaterThan(0)
    expect(await engine.variables.find(id, 'counter')).toMatchObject({ value: COUNT + own + service })
  })

  it('what a step writes once its iterations are joined goes by what is there then', { timeout: within(60_000) }, async () => {
    const source = LOOP.replace(
      / {4}task:[\s\S]*/,
      '    task: {tool: {kind: python, code: "result = 1"}}\n    vars: {counter: "{{ vars.counter + 1 }}"}\n',
    )
    const { id } = await engine.start(
      source.replace('{counter: 0}', '{counter: 0, more: 1}').replace('path: test/loop', 'path: test/joined'),
      { items: [1, 2] },
    )
    await expect.poll(async () => (await engine.variables.find(id, 'counter')) !== null).toBe(true)
    let own = 0
    let isRunning = true
    const adding = (async () => {
      while (isRunning) own += (await program.query(ADD, [id])).rowCount ?? 0
    })()
    await engine.ended(id)
    isRunning = false
    await adding
    expect(await engine.variables.find(id, 'counter')).toMatchObject({ value: 1 + own })
  })

  it('counters that other programs left behind are mended by the next step', async () => {
    const { id } = await engine.start(`apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: mended, path: test/mended}
workflow:
  - step: start
    vars: {a: 1}
    next: [{step: slow}]
  - step: slow
    tool: {kind: python, code: "import time; time.sleep(0.3); result = 1"}
    vars: {b: "{{ vars.a + 1 }}"}
`)
    await expect.poll(async () => (await engine.variables.find(id, 'a')) !== null).toBe(true)
    await program.query(
      `INSERT INTO noetl.transient (execution_id, var_name, var_value) SELECT $1, 'more_' || n, '12' FROM generate_series(1, 5) n`,
      [id],
    )
    await program.query(`UPDATE noetl.transient SET var_value = '41' WHERE execution_id = $1 AND var_name = 'a'`, [id])
    const execution = await engine.ended(id)
    expect(await engine.variables.find(id, 'b')).toMatchObject({ value: 42 })
    expect(execution).toMatchObject({ variableCount: 7, variableBytes: 5 * 2 + 2 + 2 })
  })
})
