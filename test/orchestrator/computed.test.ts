import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import { createCatalogService } from '../../src/catalog/service.js'
import type { ChangeRecord } from '../../src/commit/record.js'
import type { ExecutionId } from '../../src/core/ids.js'
import type { JsonValue } from '../../src/core/json.js'
import { readGiven } from '../../src/orchestrator/run/lookup.js'
import { TOOLS } from '../../src/tools/index.js'
import { createVariablesService } from '../../src/variables/service.js'
import { describeDatabase } from '../support/database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { ROOT } from '../support/paths.js'
import { playbook, python } from '../support/source.js'

const COMPUTED = `computed:
  progress: "{{ vars.done / workload.total if workload.total else 0 }}"
  done: "{{ vars.processed + vars.failed }}"
  limit: "{{ workload.total * 2 }}"`
/** Beside a worker that never comes, so that the API can write. */
const WAITING = `- step: wait\n  tool: ${python('return 1')}\n  pool: nobody`

describeDatabase('computed variables', (open) => {
  const keyRing = keyRingOf('one')
  let engine: Engine
  beforeAll(async () => {
    engine = await openEngine(await open(), { keyRing })
  })
  afterAll(() => engine.close())

  const source = (workflow: string, more = COMPUTED, workload = '{total: 4}') =>
    playbook('computed', workflow, { more, workload })

  async function waiting(more?: string, vars = '{processed: 0, failed: 0}'): Promise<string> {
    const { id } = await engine.start(source(`- step: start\n  vars: ${vars}\n  next: wait\n${WAITING}`, more))
    await expect.poll(() => engine.variables.values(id)).toMatchObject({ processed: 0 })
    return id
  }

  const write = (executionId: string, ...writes: Parameters<Engine['variables']['write']>[0]['writes']) =>
    engine.variables.write({ executionId, actor: 'api:test', writes })
  const set = (name: string, value: JsonValue) =>
    ({ operation: 'set', name, value, type: 'user_defined', sourceStep: null }) as const
  const increment = (name: string) => ({ operation: 'increment', name, by: '1', sourceStep: null }) as const

  async function historyOf(executionId: string) {
    const changes: ChangeRecord[] = []
    for (let after: string | null = null; ; ) {
      const page = await engine.variables.history({ executionId, first: 250, after })
      changes.push(...page.items)
      if (!page.hasNextPage) return changes
      after = page.cursorAt(-1)
    }
  }

  test('follow what a step sets, in its revision; what reads no variable begins with the execution', async () => {
    const { execution, vars } = await engine.run(
      source(
        `- step: start\n  vars: {processed: 1, failed: 1}\n  next: [{when: "{{ vars.done == 2 }}", then: [more]}]\n- step: more\n  vars: {processed: "{{ vars.done + 1 }}"}`,
      ),
    )
    expect(execution.status).toBe('completed')
    expect(vars).toEqual({ processed: 3, failed: 1, done: 4, progress: 1, limit: 8 })
    const changes = (await historyOf(execution.id)).map(({ revision, name, type, actor }) => [revision, name, type, actor])
    expect(changes).toEqual([
      [1, 'limit', 'computed', 'system'],
      [2, 'processed', 'step_result', 'step:start'],
      [2, 'failed', 'step_result', 'step:start'],
      [2, 'done', 'computed', 'step:start'],
      [2, 'progress', 'computed', 'step:start'],
      [3, 'processed', 'step_result', 'step:more'],
      [3, 'done', 'computed', 'step:more'],
      [3, 'progress', 'computed', 'step:more'],
    ])
  })

  test('a thousand increments at once, over two services: done is right at every revision', async () => {
    const id = await waiting()
    const { id: other } = await engine.start(source(`- step: start\n  vars: {processed: 0, failed: 0}\n  next: wait\n${WAITING}`))
    const { db } = engine
    const catalog = createCatalogService({ db, tools: TOOLS, keyRing })
    const rules = { model: catalog.model, given: (one: ExecutionId) => readGiven({ db, keyRing }, one) }
    const second = createVariablesService({ db, bus: createMemoryBus(), keyRing, rules })
    await Promise.all(
      Array.from({ length: 1000 }, (_, n) => {
        const service = n % 2 === 0 ? engine.variables : second
        return service.write({
          executionId: n % 10 === 9 ? other : id,
          actor: 'api:test',
          writes: [increment(n % 3 === 0 ? 'failed' : 'processed')],
        })
      }),
    )
    expect(await engine.variables.values(id)).toMatchObject({ done: 900, progress: 225 })
    const state: Record<string, JsonValue> = {}
    const changes = await historyOf(id)
    for (const [index, { revision, name, value }] of changes.entries()) {
      state[name] = value
      const isLast = changes[index + 1]?.revision !== revision
      const sum = (state['processed'] as number) + (state['failed'] as number)
      if (isLast && revision > 1) expect([revision, state['done']]).toEqual([revision, sum])
    }
    for (const revision of [2, 100, 500, 902]) {
      const { processed, failed, done, progress } = (await engine.variables.values(id, revision)) as Record<string, number>
      expect([done, progress]).toEqual([(processed ?? 0) + (failed ?? 0), ((processed ?? 0) + (failed ?? 0)) / 4])
    }
    for (const one of [id, other]) await engine.orchestrator.cancel(one, null, 'test')
  })

  test('go by what a program sets by plain SQL, when next one of their variables changes', async () => {
    const id = await waiting()
    await write(id, increment('processed'))
    await engine.db.rows(
      `UPDATE noetl.transient SET var_value = '100' WHERE execution_id = $1 AND var_name = 'failed' RETURNING 1`,
      id,
    )
    await write(id, increment('processed'))
    expect(await engine.variables.values(id)).toMatchObject({ processed: 2, failed: 100, done: 102 })
    await engine.orchestrator.cancel(id, null, 'test')
  })

  describe('over the API', () => {
    test('cannot be written, and what cannot be computed refuses the change set', async () => {
      const id = await waiting()
      const before = await engine.variables.all(id)
      await expect(write(id, set('done', 5))).rejects.toMatchObject({
        code: 'VALIDATION',
        details: { field: 'name', name: 'done' },
      })
      await expect(write(id, set('other', 1), set('failed', 'x'))).rejects.toMatchObject({
        code: 'COMPUTED_FAILED',
        details: { name: 'done', line: 7, column: 9 },
      })
      expect(await engine.variables.all(id)).toEqual(before)
      await engine.orchestrator.cancel(id, null, 'test')
    })

    test('deleting an input, or everything, deletes what is computed from it', async () => {
      const id = await waiting()
      await write(id, { operation: 'delete', name: 'failed' })
      expect(await engine.variables.values(id)).toEqual({ processed: 0, limit: 8 })
      await write(id, set('failed', 1))
      expect(await engine.variables.values(id)).toMatchObject({ done: 1 })
      expect(await engine.variables.deleteAll(id, 'api:test')).toMatchObject({ deletedCount: 2 })
      // It reads no variable.
      expect(await engine.variables.values(id)).toEqual({ limit: 8 })
      await engine.orchestrator.cancel(id, null, 'test')
    })

    test('by several writers at once of one name and another, none is lost', async () => {
      const id = await waiting()
      await Promise.all(Array.from({ length: 100 }, () => write(id, increment('processed'), increment('other'))))
      expect(await engine.variables.values(id)).toMatchObject({ processed: 100, other: 100, done: 100 })
      await engine.orchestrator.cancel(id, null, 'test')
    })
  })

  test('that cannot be computed fail the step that changed their variables', async () => {
    const { execution, vars } = await engine.run(
      source(
        `- step: start\n  vars: {processed: 1, failed: x}\n  next: [{when: "{{ this.error.code == 'COMPUTED_FAILED' }}", then: [mend]}]\n- step: mend\n  vars: {mended: true}`,
      ),
    )
    expect([execution.status, vars]).toEqual(['completed', { mended: true, limit: 8 }])
  })

  test('in an iterator, each iteration sees what the others made of them', async () => {
    const task = `{tool: ${python('return one', 'one')}, vars: {processed: "{{ vars.processed + one }}"}}`
    const { execution, vars } = await engine.run(
      source(
        `- step: start\n  vars: {processed: 0, failed: 0}\n  next: all\n- step: all\n  type: iterator\n  collection: "{{ range(1, 41) | list }}"\n  element: one\n  mode: async\n  task: ${task}`,
      ),
    )
    expect([execution.status, vars['processed'], vars['done']]).toEqual(['completed', 820, 820])
    const sums = (await historyOf(execution.id)).filter(({ name }) => name === 'done' || name === 'processed')
    const at = (wanted: string) =>
      new Map(sums.filter(({ name }) => name === wanted).map(({ revision, value }) => [revision, value]))
    expect([...at('done')]).toEqual([...at('processed')])
  })

  test('that read something sensitive are sensitive, in steps and over the API', async () => {
    const more = 'sensitive: [token]\ncomputed:\n  header: "Bearer {{ vars.token }}"'
    const { id } = await engine.start(
      source(`- step: start\n  vars: {token: hunter2, processed: 0}\n  next: wait\n${WAITING}`, more),
    )
    await expect.poll(() => engine.variables.values(id)).toEqual({ token: '********', header: '********', processed: 0 })
    expect((await engine.variables.reveal(id, 'header'))?.value).toBe('Bearer hunter2')
    await write(id, set('token', 'hunter3'))
    expect((await engine.variables.reveal(id, 'header'))?.value).toBe('Bearer hunter3')
    expect(JSON.stringify(await historyOf(id))).not.toContain('hunter')
    await engine.orchestrator.cancel(id, null, 'test')
  })

  test('a rerun computes them anew, and refuses one that is given', async () => {
    const steps = `- step: start\n  vars: {processed: 1, failed: 1}\n  next: second\n- step: second\n  vars: {seen: "{{ vars.done }}"}`
    const { execution } = await engine.run(source(steps))
    const again = await engine.orchestrator.rerun({
      ...{ id: execution.id, fromStep: 'second', actor: 'api:test' },
      variables: [{ name: 'failed', value: 10 }],
    })
    await engine.ended(again.id)
    expect(await engine.variables.values(again.id)).toMatchObject({ processed: 1, failed: 10, done: 11, seen: 11 })
    const first = (await historyOf(again.id)).filter(({ revision }) => revision === 1).map(({ name, type }) => [name, type])
    expect(first).toEqual(
      expect.arrayContaining([
        ['done', 'computed'],
        ['limit', 'computed'],
        ['processed', 'step_result'],
      ]),
    )
    await expect(
      engine.orchestrator.rerun({
        id: execution.id,
        fromStep: 'second',
        actor: 'api:test',
        variables: [{ name: 'done', value: 1 }],
      }),
    ).rejects.toMatchObject({ code: 'VALIDATION' })
  })

  test('the example of the docs does what it says', async () => {
    const page = readFileSync(join(ROOT, 'docs/playbooks.md'), 'utf8')
    const [example = ''] =
      /(?<=```yaml\n)apiVersion[^`]*?\ncomputed:[^`]*/.exec(page.slice(page.indexOf('\n## Computed variables'))) ?? []
    const { execution, vars } = await engine.run(example)
    expect([execution.status, vars]).toMatchObject(['completed', { processed: 3, failed: 1, done: 4, progress: 1 }])
  })
})
