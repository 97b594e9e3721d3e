import { expect, test, vi } from 'vitest'
import { envelopeOf, layersOf } from '../../../src/orchestrator/decide/context.js'
import { evaluateVars } from '../../../src/orchestrator/decide/vars.js'
import { createBudget } from '../../../src/template/index.js'
import { problemsOf, workflow } from '../../playbook/support.js'
import { describeDatabase } from '../../support/database.js'
import { openEngine } from '../../support/engine.js'
import { playbook } from '../../support/source.js'
import { NOW, snapshotOf } from './snapshots.js'

vi.setConfig({ testTimeout: 120_000 })

const CLOCK = { elapsedMs: () => performance.now(), isLastTry: true }

interface Block {
  readonly template: (index: number, serial: number) => string
  readonly isLenient?: boolean
  readonly isSensitive?: boolean
}

const serial = 0

function evaluate(count: number, { template, isLenient = false, isSensitive = false }: Block) {
  const entries = Array.from({ length: count }, (_, index) => ({
    name: `v${index}`,
    value: template(index, serial),
    at: `vars.v${index}`,
  }))
  const names = entries.map(({ name }) => name)
  const more = { evaluationLimits: { ...CLOCK, budget: createBudget() } }
  const execution = isSensitive ? { sensitive: names } : {}
  const snapshot = snapshotOf({ steps: '- step: start', execution, more })
  return evaluateVars({ entries, snapshot, vars: {}, envelope: null, isSensitive: false, isLenient })
}

const BLOCKS: readonly (readonly [string, Block])[] = [
  ['each reads the one above', { template: (index, n) => `{{ (vars.v${Math.max(0, index - 1)} | default(${n})) + 1 }}` }],
  [
    'all are sensitive, and read others',
    { template: (index, n) => `{{ (vars.v${Math.max(0, index - 1)} | default(${n})) + 1 }}`, isSensitive: true },
  ],
  ['each may read any other', { template: (index, n) => `{{ vars["v" ~ ${index - 1}] | default(${n}) }}` }],
  ['all fail, on a failed step', { template: () => '{{ vars.nowhere }}', isLenient: true }],
  [
    'every other fails, on a failed step',
    { template: (index) => (index % 2 ? `{{ vars.w${index} }}` : '{{ 1 }}'), isLenient: true },
  ],
]

test.each(BLOCKS)('a block of entries takes time in proportion to their number: %s', (_name, block) => {
  const least = (count: number) =>
    Math.min(
      ...Array.from({ length: 3 }, () => {
        const began = process.cpuUsage()
        evaluate(count, block)
        const { user } = process.cpuUsage(began)
        return user
      }),
    )
  least(500)
  // Templates that are not compiled yet, or again: thousands of them fit into no cache.
  const [few, many] = [least(2500), least(10_000)]
  // Four times as many; were it quadratic, 16 times as long.
  expect(many / few, `${few} and ${many} us`).toBeLessThan(9)
})

test('what one entry takes of all variables is what they were then, however it is wrapped', () => {
  const entries = ['{{ 1 }}', '{{ vars }}', '{{ vars }}', '{{ [vars] }}', '{{ 5 }}'].map((value, index) => ({
    name: `v${index}`,
    value,
    at: '',
  }))
  const nested = { name: 'v5', value: { all: '{{ vars }}' }, at: '' }
  const snapshot = snapshotOf({ steps: '- step: start', vars: { old: true } })
  const { vars } = evaluateVars({
    entries: [...entries, nested],
    snapshot,
    vars: snapshot.vars,
    envelope: null,
    isSensitive: false,
    isLenient: false,
  })
  expect(vars['v1']).toEqual({ old: true, v0: 1 })
  expect(vars['v2']).toEqual({ old: true, v0: 1, v1: { old: true, v0: 1 } })
  expect(Object.keys((vars['v5'] as { all: object }).all)).toEqual(['old', 'v0', 'v1', 'v2', 'v3', 'v4'])
  expect(layersOf(snapshot).vars, 'the snapshot is as it was').toEqual({ old: true })
  expect(() => JSON.stringify(vars)).not.toThrow()
})

test('a failed step that gave nothing overwrites nothing with it; what is written as null is', () => {
  const steps = '- {step: start, tool: {kind: python, code: "x"}}'
  const snapshot = snapshotOf({ steps, vars: { kept: 1, own: 2, cleared: 3, why: 4 } })
  const values = { kept: '{{ result }}', own: '{{ start }}', cleared: null, fresh: '{{ result }}', why: '{{ error.message }}' }
  const entries = Object.entries(values).map(([name, value]) => ({ name, value, at: name }))
  const error = { code: 'TOOL_FAILED', message: 'no' } as const
  const envelope = envelopeOf({ status: 'error', error, data: null, extras: {} }, snapshot, NOW)
  const { vars, skipped } = evaluateVars({
    entries,
    snapshot,
    vars: snapshot.vars,
    envelope,
    isSensitive: false,
    isLenient: true,
  })
  expect(vars).toEqual({ kept: 1, own: 2, cleared: null, fresh: null, why: 'no' })
  expect(skipped.map(({ name }) => name)).toEqual(['kept', 'own'])
})

test('all templates of a decision share one budget', () => {
  const heavy = { template: () => '{% for i in range(50000) %}{% set x = i %}{% endfor %}1' }
  expect(evaluate(10, heavy).writes).toHaveLength(10)
  const began = performance.now()
  expect(() => evaluate(5000, heavy)).toThrow(/take too much together/)
  expect(() => evaluate(5000, heavy)).toThrow(expect.objectContaining({ code: 'TEMPLATE_FORBIDDEN' }))
  expect(performance.now() - began).toBeLessThan(60_000)
})

test('a block of more than 10,000 entries is a problem', () => {
  const block = (count: number) =>
    workflow(`- step: start\n  vars:\n${Array.from({ length: count }, (_, i) => `    v${i}: ${i}`).join('\n')}`)
  expect(problemsOf(block(10_000))).toEqual([])
  expect(problemsOf(block(10_001))).toEqual([
    expect.stringMatching(/^error .*workflow\[0\]\.vars \| vars has 10001 entries, the limit is 10000/),
  ])
  const half = (name: string) => `    ${name}:\n${Array.from({ length: 5001 }, (_, i) => `      ${name}${i}: ${i}`).join('\n')}`
  expect(problemsOf(workflow(`- step: start\n  vars:\n${half('before')}\n${half('after')}`))).toEqual([
    expect.stringContaining('vars has 10002 entries'),
  ])
})

describeDatabase('a decision that fails for no reason of the step’s own', (open) => {
  const LONG = '{% for i in range(3000) %}{% set x = i %}{% endfor %}done'
  const steps = {
    vars: `- step: start\n  vars: {before: 1, text: "${LONG}"}\n  next: [{when: "{{ this.status == 'error' }}", then: [caught]}]`,
    tool: `- step: start\n  tool: {kind: python, code: "result = 1"}\n  vars: {text: "${LONG}"}\n  next: [{when: "{{ this.status == 'error' }}", then: [caught]}]`,
    loop: `- step: start\n  loop: {in: [1, 2], iterator: x}\n  tool: {kind: python, code: "result = 1"}\n  vars: {text: "${LONG}"}\n  next: [{when: "{{ this.status == 'error' }}", then: [caught]}]`,
  }
  const CAUGHT = '\n- step: caught\n  vars: {message: "{{ start.error.message }}"}'

  /** The clock is what breaks: templates that take long look at it. */
  const broken = () => {
    throw new Error('the clock is broken')
  }

  test.each(['vars', 'tool', 'loop'] as const)(
    'is tried a few times; then the step fails, says so, and is routed: %s',
    async (name) => {
      const engine = await openEngine(await open(), { elapsedMs: broken, leaseMs: 2000 })
      const { execution, vars } = await engine.run(playbook(`broken_${name}`, steps[name] + CAUGHT))
      expect(execution.status).toBe('completed')
      expect(vars['message']).toMatch(/step "start": what follows from it could not be decided or stored in 3 tries/)
      expect(vars['text']).toBeUndefined()
      await engine.close()
    },
  )

  test('fails the execution where not even its routing can be evaluated', async () => {
    const engine = await openEngine(await open(), { elapsedMs: broken, leaseMs: 2000 })
    const next = `[{when: "{{ (range(3000) | map('string') | join | length) > 5 }}", then: [caught]}]`
    const { execution } = await engine.run(playbook('broken_routing', `- step: start\n  next: ${next}${CAUGHT}`))
    expect(execution.status).toBe('failed')
    expect(execution.error).toMatchObject({ code: 'TOOL_FAILED', step: 'start', message: expect.stringContaining('in 6 tries') })
    await engine.close()
  })

  test('keeps no other task of the pool from the workers outside', async () => {
    const engine = await openEngine(await open(), { elapsedMs: broken, claimPollMs: 50 })
    const bad = playbook(
      'broken_claim',
      `- step: start\n  pool: far\n  tool: {kind: python, code: "result = 1", args: {text: "${LONG}"}}`,
    )
    const good = playbook('good_claim', `- step: start\n  pool: far\n  tool: {kind: python, code: "result = 1"}`)
    const { id } = await engine.start(bad)
    const started = await engine.start(good)
    const task = await engine.orchestrator.claim({ pool: 'far', workerId: 'w', waitMs: 30_000 })
    expect(task?.executionId).toBe(started.id)
    await engine.orchestrator.claim({ pool: 'far', workerId: 'w', waitMs: 3000 })
    expect((await engine.ended(id)).error).toMatchObject({ code: 'TOOL_FAILED' })
    await engine.close()
  })
})
