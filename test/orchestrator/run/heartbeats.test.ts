import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { describeDatabase } from '../../support/database.js'
import { openEngine } from '../../support/engine.js'
import { playbook, python } from '../../support/source.js'

const LEASE_MS = 300
const LOCKED_MS = 1500
const SLEEPER = playbook('sleeper', `- step: start\n  tool: ${python('import time; time.sleep(3); return 1')}`)

describeDatabase('heartbeats', (open) => {
  test('wait one at a time for a row that another holds, and leave the connections to others', async () => {
    const db = await open()
    const engine = await openEngine(db, { leaseMs: LEASE_MS })
    const { id } = await engine.start(SLEEPER)
    const lock = 'SELECT 1 FROM transient.task WHERE execution_id = $1::bigint AND lease_until IS NOT NULL FOR UPDATE'
    while ((await db.rows(lock, id)).length === 0) await sleep(20)
    const waiting = await db.transaction(async (tx) => {
      await tx.rows(lock, id)
      await sleep(LOCKED_MS)
      const [row] = await tx.rows<{ count: bigint }>(
        `SELECT count(*) AS count FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'UPDATE transient.task SET lease_until%'`,
      )
      return Number(row?.count)
    })
    expect(waiting).toBe(1)
    expect((await engine.ended(id)).status).toBe('completed')
    await engine.close()
  })
})
