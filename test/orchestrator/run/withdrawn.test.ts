import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { createNatsBus } from '../../../src/bus/index.js'
import { describeDatabase } from '../../support/database.js'
import { type Engine, openEngine } from '../../support/engine.js'
import { findNats, uniquePrefix } from '../../support/nats.js'
import { within } from '../../support/pace.js'
import { until } from '../../support/worker.js'

const url = await findNats()

/** A step that shows that it runs by the age of a file. */
const playbook = (file: string) =>
  JSON.stringify({
    apiVersion: 'noetl.io/v2',
    kind: 'Playbook',
    metadata: { name: 'withdrawn', path: 'test/withdrawn' },
    workflow: [
      {
        step: 'start',
        tool: 'python',
        code: `import time\nfor _ in range(4000):\n  open(${JSON.stringify(file)}, "w").close()\n  time.sleep(0.05)`,
      },
    ],
  })

/** A heartbeat, at each third of it, would find out as well. */
const LEASE_MS = 120_000

const ageMs = (file: string): number => Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0)

if (url === null) {
  it.skip('NOT RUN: two processes need NATS (TEST_NATS_URL)', () => undefined)
} else {
  describeDatabase('two engines on one database', (open) => {
    const closings: (() => Promise<void> | void)[] = []
    afterEach(async () => {
      for (const close of closings.splice(0)) await close()
    })

    it('a tool is stopped within about a second by whoever cancels its execution, long before its next heartbeat', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'transient-withdrawn-'))
      const { prefix, remove } = uniquePrefix(url)
      closings.push(() => rmSync(folder, { recursive: true }), remove)
      const db = await open()
      const engines: Engine[] = []
      for (const processId of ['one', 'two']) {
        const bus = await createNatsBus({ url, prefix, leaseMs: LEASE_MS })
        const engine = await openEngine(db, { bus, processId, leaseMs: LEASE_MS })
        closings.unshift(engine.close)
        engines.push(engine)
      }
      const file = join(folder, 'alive')
      const [first] = engines as [Engine, Engine]
      const { id } = await first.start(playbook(file))
      await until(() => ageMs(file) < 1000, 'the step runs')
      const [{ worker_id: holder } = { worker_id: '' }] = await db.rows<{ worker_id: string }>(
        'SELECT worker_id FROM transient.task WHERE execution_id = $1::bigint AND worker_id IS NOT NULL AND status = $2',
        id,
        'open',
      )
      const other = engines[holder === 'embedded:one' ? 1 : 0] as Engine
      const cancelledAt = performance.now()
      await other.orchestrator.cancel(id, null, 'test')
      await until(() => ageMs(file) > 500, 'the tool is stopped')
      expect(performance.now() - cancelledAt).toBeLessThan(Math.min(within(2500), LEASE_MS / 4))
    })
  })
}
