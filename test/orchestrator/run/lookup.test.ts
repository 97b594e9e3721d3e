import { expect, test } from 'vitest'
import { createCatalogService } from '../../../src/catalog/service.js'
import { createExecutionLookup } from '../../../src/orchestrator/run/lookup.js'
import { NO_KEYS } from '../../../src/sealing/key-ring.js'
import { TOOLS } from '../../../src/tools/index.js'
import { describeDatabase } from '../../support/database.js'
import { dyingDatabase } from '../../support/dying-database.js'
import { openEngine } from '../../support/engine.js'
import { playbook } from '../../support/source.js'

describeDatabase('what never changes of an execution', (open) => {
  test('is read once, however large, and kept within a bound', async () => {
    const db = await open()
    const engine = await openEngine(db)
    const counting = dyingDatabase(db, Number.MAX_SAFE_INTEGER)
    const lookup = createExecutionLookup({
      keyRing: NO_KEYS,
      db: counting.db,
      catalog: createCatalogService({ db, tools: TOOLS }),
    })
    const source = playbook('kept', '\n- step: a', { workload: '{b: "{{ payload.a | length }}"}' })
    const { execution } = await engine.run(source, { a: 'x'.repeat(900_000) })
    for (let time = 0; time < 3; time += 1) {
      const known = await lookup.of(execution.id)
      expect(known?.input.workload).toMatchObject({ b: 900_000 })
      expect(known?.input.payload).toMatchObject({ a: 'x'.repeat(900_000) })
      expect(known?.playbook.path).toBe('test/kept')
    }
    expect(counting.statements()).toBe(1)
    expect(await lookup.of('1')).toBeNull()
    for (let other = 0; other < 40; other += 1) {
      await lookup.of((await engine.orchestrator.start({ path: 'test/kept', workload: { a: 'y'.repeat(900_000) } })).id)
    }
    const before = counting.statements()
    await lookup.of(execution.id)
    expect(counting.statements()).toBe(before + 1)
    await engine.close()
  }, 60_000)
})
