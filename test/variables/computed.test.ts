import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Computing, computedReach } from '../../src/commit/computed.js'
import { foldChangeSet } from '../../src/commit/fold.js'
import type { VariableRecord, VariableWrite } from '../../src/commit/record.js'
import { isTransientError } from '../../src/core/errors.js'
import type { JsonValue } from '../../src/core/json.js'
import { checkPlaybook } from '../../src/playbook/index.js'
import type { ComputedVariable } from '../../src/playbook/model.js'
import { NO_KEYS } from '../../src/sealing/key-ring.js'
import { TOOLS } from '../../src/tools/index.js'
import { HEAD, show } from '../playbook/support.js'
import { keyRingOf } from '../support/keys.js'

const NOW = new Date('2026-01-02T03:04:05.678Z')
const ID = '507861119290048685'

function computed(
  name: string,
  expression: string,
  dependsOn: readonly string[],
  workloadKeys: readonly string[] = [],
): ComputedVariable {
  return { name, expression, dependsOn, workloadKeys, line: 5, column: 9 }
}

const computing = (variables: readonly ComputedVariable[], more: Partial<Computing> = {}): Computing => ({
  ...{ variables, workload: { total: 4 }, sensitive: null, job: { path: 'test' } },
  ...more,
})

/** One execution, change set after change set. */
function stream(rules: Computing, keyRing = NO_KEYS) {
  let execution = { id: ID, revision: 0, variableCount: 0, variableBytes: 0 }
  const present = new Map<string, VariableRecord>()
  const tombstones = new Map<string, number>()
  return {
    present,
    values: () => Object.fromEntries([...present].map(([name, { value }]) => [name, value])),
    write(writes: readonly VariableWrite[], actor = 'api:test') {
      const folded = foldChangeSet({ execution, present, tombstones, writes, actor, now: NOW, keyRing, computing: rules })
      for (const { name, variable } of [...folded.outcomes, ...folded.computed]) {
        if (variable) present.set(name, variable)
        else present.delete(name)
      }
      for (const { name, operation, version } of folded.changes) if (operation === 'delete') tombstones.set(name, version)
      const { revision, variableCount, variableBytes } = folded
      execution = { ...execution, revision, variableCount, variableBytes }
      return folded
    },
  }
}

const set = (name: string, value: JsonValue, isSensitive?: boolean): VariableWrite => ({
  ...{ operation: 'set', name, value, type: 'user_defined', sourceStep: null },
  isSensitive,
})
const remove = (name: string): VariableWrite => ({ operation: 'delete', name })
const add = (name: string, by: number): VariableWrite => ({ operation: 'increment', name, by: String(by), sourceStep: null })

function failure(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    if (isTransientError(error)) return { code: error.code, message: error.message, details: error.details }
    throw error
  }
}

const DONE = computed('done', '{{ vars.processed + vars.failed }}', ['processed', 'failed'])
const PROGRESS = computed('progress', '{{ vars.done / workload.total if workload.total else 0 }}', ['done'], ['total'])

describe('computed variables', () => {
  it('follow in the revision of what they depend on, of type computed, and only where they differ', () => {
    const one = stream(computing([DONE, PROGRESS]))
    one.write([set('processed', 1)])
    expect(one.values()).toEqual({ processed: 1 })
    const { revision, changes, outcomes } = one.write([set('failed', 1), set('other', 1)])
    expect(changes.map(({ name, type, seq, actor }) => [name, type, seq, actor])).toEqual([
      ['failed', 'user_defined', 1, 'api:test'],
      ['other', 'user_defined', 2, 'api:test'],
      ['done', 'computed', 3, 'api:test'],
      ['progress', 'computed', 4, 'api:test'],
    ])
    expect([revision, outcomes.length, one.values()['progress']]).toEqual([2, 2, 0.5])
    // The sum stays, and so does what depends on it.
    expect(one.write([add('processed', 1), add('failed', -1)]).changes.map(({ name }) => name)).toEqual(['processed', 'failed'])
    expect(one.write([set('other', 2)]).changes.map(({ name }) => name)).toEqual(['other'])
    expect(one.write([set('other', 2)]).changes).toEqual([])
  })

  it('are there while all of their inputs are, whatever the expression makes of one that is not', () => {
    const lenient = computed('label', '{{ vars.a | default("none") }}-{{ vars.b | default("none") }}', ['a', 'b'])
    const after = computed('length', '{{ vars.label | length }}', ['label'])
    const one = stream(computing([lenient, after]))
    one.write([set('a', 'x')])
    expect(one.values()).toEqual({ a: 'x' })
    one.write([set('b', 'y')])
    expect(one.values()).toMatchObject({ label: 'x-y', length: 3 })
    const { changes } = one.write([remove('a')])
    expect(changes.map(({ name, operation }) => `${operation} ${name}`)).toEqual(['delete a', 'delete label', 'delete length'])
    one.write([set('a', 'z')])
    expect([one.values()['label'], one.present.get('label')?.version]).toEqual(['z-y', 3])
  })

  it('that read no variable are computed in the first revision, and never again', () => {
    const limit = computed('limit', '{{ workload.total * 2 }}', [], ['total'])
    const one = stream(computing([limit, computed('double', '{{ vars.limit * 2 }}', ['limit'])]))
    expect(one.write([]).changes.map(({ name, value }) => [name, value])).toEqual([
      ['limit', 8],
      ['double', 16],
    ])
    expect(one.write([set('a', 1)]).changes).toHaveLength(1)
    const missing = stream(computing([computed('limit', '{{ workload.size * 2 }}', [], ['size'])]))
    expect(missing.write([]).changes).toEqual([])
  })

  it('cannot be written by anybody else', () => {
    const one = stream(computing([DONE, PROGRESS]))
    for (const write of [set('done', 1), add('done', 1), remove('done')]) {
      expect(failure(() => one.write([set('processed', 1), write]))).toMatchObject({
        code: 'VALIDATION',
        details: { name: 'done' },
      })
      expect(failure(() => one.write([write], 'step:count'))).toMatchObject({
        code: 'COMPUTED_FAILED',
        details: { name: 'done', line: 5, column: 9 },
      })
    }
    expect(one.values()).toEqual({})
  })

  it('refuse the change set for any other error, and say where the expression stands', () => {
    const one = stream(computing([DONE, PROGRESS]))
    one.write([set('processed', 1), set('failed', 1)])
    const before = one.values()
    expect(failure(() => one.write([set('other', 1), set('failed', 'one')]))).toMatchObject({
      code: 'COMPUTED_FAILED',
      message: expect.stringContaining('the computed variable "done" (line 5, column 9): '),
      details: { name: 'done', line: 5, column: 9 },
    })
    expect(one.values()).toEqual(before)
  })

  it('are sensitive where they read something sensitive, and their errors show nothing of it', () => {
    const header = computed('header', 'Bearer {{ vars.token }}', ['token'])
    const length = computed('size', '{{ vars.header | length + 0 }}', ['header'])
    const one = stream(computing([header, length]), keyRingOf('one'))
    const { changes } = one.write([set('token', 'hunter2', true)])
    expect(changes.map(({ name, value, sealed }) => [name, value, sealed !== null])).toEqual(
      ['token', 'header', 'size'].map((name) => [name, '********', true]),
    )
    const failing = stream(computing([computed('n', '{{ vars.token + 1 }}', ['token'])]), keyRingOf('one'))
    const error = failure(() => failing.write([set('token', 'hunter2', true)]))
    expect(error).toMatchObject({ code: 'COMPUTED_FAILED' })
    expect(JSON.stringify(error)).not.toContain('hunter')
  })

  it('reach what may follow, and all that it reads', () => {
    expect([...computedReach([DONE, PROGRESS], ['processed'])].sort()).toEqual(['done', 'failed', 'processed', 'progress'])
    expect([...computedReach([DONE, PROGRESS], ['other'])]).toEqual([])
  })

  // Random graphs over up to 200 computed variables and random change sets, beside a plain evaluation of everything.
  it('hold at every revision of random graphs, and only what an input changed of is evaluated', async () => {
    const inputs = ['i0', 'i1', 'i2', 'i3']
    const graphs = fc
      .array(fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 200, size: 'max' })
      .map((rows) =>
        rows.map((picks, index) => {
          const known = [...inputs, ...Array.from({ length: index }, (_, before) => `c${before}`)]
          const dependsOn = [...new Set(picks.map((pick) => known[pick % known.length] as string))]
          return { name: `c${index}`, dependsOn }
        }),
      )
    const changeSets = fc.array(
      fc.dictionary(fc.constantFrom(...inputs), fc.option(fc.integer({ min: -3, max: 3 })), { minKeys: 1 }),
      { minLength: 1, maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(graphs, changeSets, fc.infiniteStream(fc.nat()), async (graph, sets, chance) => {
        // `| abs` makes different inputs give the same, so that what depends on it must not be evaluated.
        const lines = graph.map(
          ({ name, dependsOn }) => `  ${name}: "{{ ((${dependsOn.map((one) => `vars.${one}`).join(' + ')}) % 5) | abs }}"`,
        )
        const variables = await readComputed(shuffled(lines, chance))
        const one = stream(computing(variables))
        const expected = new Map<string, number>()
        for (const changeSet of sets) {
          const before = new Map(expected)
          for (const [name, value] of Object.entries(changeSet)) {
            if (value === null) expected.delete(name)
            else expected.set(name, value)
          }
          const affected: string[] = []
          for (const { name, dependsOn } of graph) {
            if (dependsOn.some((input) => before.get(input) !== expected.get(input))) affected.push(name)
            const values = dependsOn.map((input) => expected.get(input))
            if (values.includes(undefined)) expected.delete(name)
            else
              expected.set(
                name,
                Math.abs(
                  remainder(
                    values.reduce<number>((sum, value) => sum + (value ?? 0), 0),
                    5,
                  ),
                ),
              )
          }
          const writes = Object.entries(changeSet).map(([name, value]) => (value === null ? remove(name) : set(name, value)))
          const { computed: evaluated } = one.write(writes)
          expect(evaluated.map(({ name }) => name).sort()).toEqual(affected.sort())
          expect(one.values()).toEqual(Object.fromEntries(expected))
        }
      }),
      { numRuns: 40 },
    )
  })
})

async function readComputed(lines: readonly string[]): Promise<readonly ComputedVariable[]> {
  const { playbook, problems } = await checkPlaybook(`${HEAD}computed:\n${lines.join('\n')}\nworkflow: [{step: start}]\n`, {
    tools: TOOLS,
  })
  if (!playbook) throw new Error(problems.map(show).join('\n'))
  return playbook.computed
}

function shuffled<T>(items: readonly T[], chance: IterableIterator<number>): T[] {
  return items
    .map((item) => ({ item, at: chance.next().value as number }))
    .sort((left, right) => left.at - right.at)
    .map(({ item }) => item)
}

/** As Jinja2 has it: the sign of the divisor. */
function remainder(left: number, right: number): number {
  return ((left % right) + right) % right
}
