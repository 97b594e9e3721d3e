import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { describeDatabase } from '../../support/database.js'
import { openEngine } from '../../support/engine.js'

const SLOW = `
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: slow, path: test/slow}
workflow:
- step: start
  tool: {kind: python, code: "import time\\ntime.sleep(30)\\nresult = 1"}
`

describeDatabase('a drain', (open) => {
  test('gives back the task that does not end in time: free at once, and not counted', async () => {
    const db = await open()
    const engine = await openEngine(db)
    const { id } = await engine.start(SLOW)
    const task = async () =>
      (
        await db.rows<{ status: string; deliveries: number; is_leased: boolean; is_to_be_offered: boolean }>(
          `SELECT status, deliveries, lease_until IS NOT NULL AS is_leased,
             ensured_at IS NULL AS is_to_be_offered FROM transient.task WHERE execution_id = $1::bigint`,
          id,
        )
      )[0]
    while ((await task())?.is_leased !== true) await sleep(10)
    expect(await task()).toEqual({ status: 'open', deliveries: 1, is_leased: true, is_to_be_offered: false })
    await engine.orchestrator.drain(50)
    expect(await task()).toEqual({ status: 'open', deliveries: 0, is_leased: false, is_to_be_offered: true })
    await engine.close()
  })
})
