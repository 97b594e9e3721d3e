import { afterAll, beforeAll, expect, test } from 'vitest'
import type { VariableWrite } from '../../src/commit/record.js'
import { stringifyJson } from '../../src/core/json.js'
import type { Database } from '../../src/db/database.js'
import { createExecutionsService } from '../../src/executions/service.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import { describeDatabase } from '../support/database.js'
import { dumpOf } from '../support/dump.js'
import { type Engine, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { playbook } from '../support/source.js'
import { set, write } from '../variables/support.js'
import { CANARY, CHILD, DERIVATIONS, leaksIn, PLAYBOOKS, randomSources } from './derivations.js'

describeDatabase(`a canary through ${PLAYBOOKS * DERIVATIONS} random derivations`, (open) => {
  let db: Database
  let engine: Engine
  beforeAll(async () => {
    db = await open()
    engine = await openEngine(db, { keyRing: keyRingOf('one') })
    await engine.run(CHILD, { x: 1 })
  })
  afterAll(() => engine.close())

  /** All that readers get of an execution. */
  async function answersAbout(id: string): Promise<string> {
    const executions = createExecutionsService({ db, bus: engine.bus, variableFilter: variableFilterSql })
    const { variables } = engine
    const first = { first: 250 }
    const steps = await executions.steps(id, first)
    const iterations = await Promise.all(steps.items.map(({ run }) => executions.iterations(id, run, first)))
    const parts = [
      await executions.get(id),
      steps.items,
      iterations.map(({ items }) => items),
      (await executions.events(id, null, first)).items,
      (await variables.all(id)).variables,
      (await variables.history({ executionId: id, ...first })).items,
      await variables.poll({ executionId: id, afterRevision: 0, waitMs: 0, signal: new AbortController().signal }),
    ]
    return parts.map((part) => JSON.stringify(part, (_, value) => (typeof value === 'bigint' ? String(value) : value))).join('\n')
  }

  test('is found in no row and in no answer', async () => {
    let masked = 0
    for (const { source, count, path } of randomSources('sensitive: [workload.key]')) {
      const { execution } = await engine.run(source, { key: CANARY })
      const vars = await engine.variables.values(execution.id)
      // Where rendering itself failed, the variable holds the error without a message instead, which is not a secret.
      masked += Array.from({ length: count }, (_, n) => vars[`d${n}`]).filter((value) => value === '********').length
      const again = await engine.orchestrator.rerun({ id: execution.id, fromStep: 's0', actor: 'api:test' })
      await engine.ended(again.id)
      const answers = (await answersAbout(execution.id)) + (await answersAbout(again.id))
      expect(leaksIn(answers), stringifyJson({ path, source })).toEqual([])
    }
    const free = await engine.start(playbook('canary_api', '\n- {step: start, pool: nobody, tool: python, code: "x"}'))
    await write(engine.variables, free.id, set('late', { a: [CANARY] }))
    await write(engine.variables, free.id, { ...set('late', CANARY), isSensitive: true } as VariableWrite)
    expect(masked).toBeGreaterThan((PLAYBOOKS * DERIVATIONS) / 2)
    const dump = await dumpOf(db)
    expect(leaksIn(dump)).toEqual([])
    expect((await engine.variables.reveal(free.id, 'late'))?.value).toBe(CANARY)
  }, 240_000)
})
