import { expect, test } from 'vitest'
import { envelopeOf, layersOf } from '../../../src/orchestrator/decide/context.js'
import { type RouteTrace, route } from '../../../src/orchestrator/decide/routing.js'
import { BROKEN, DONE, NOW, snapshotOf } from './snapshots.js'

const OTHERS = '\n- step: b\n- step: c\n- step: d'

/** Where a step with these routes goes, and why. */
function routed(routes: string, { isFailed = false, tool = '' } = {}) {
  const snapshot = snapshotOf({ steps: `- {step: a, ${tool}${routes}}${OTHERS}`, vars: { yes: true, list: [] } })
  const { next, cases, loop } = snapshot.step
  const envelope = envelopeOf(isFailed ? BROKEN : DONE, snapshot, NOW)
  const routing = route({
    next,
    cases,
    isFailed,
    isIterator: loop !== null,
    layers: layersOf(snapshot, { envelope }),
    unreadable: undefined,
  })
  return { ...routing, names: routing.targets.map((target) => target.step).join('') }
}

test.each([
  ['next: b', 'b'],
  ['next: [b, c]', 'bc'],
  ['next: [{step: b, when: "{{ yes }}"}, {when: "yes", then: [c, {step: d}]}]', 'bcd'],
  ['next: [{when: "{{ list }}", then: [b]}, {else: [c]}]', 'c'],
  ['next: [{when: "{{ yes }}", then: [b]}, c, {else: [d]}]', 'bc'],
  ['next: [{when: "{{ vars.list | length == 1 }}", then: [b]}, c]', 'c'],
  ['next: [{when: "{{ 0 }}", step: b}]', ''],
  ['case: [{when: "{{ yes }}", then: [b]}, {when: "{{ yes }}", then: [c]}], next: d', 'b'],
  ['case: [{when: "{{ not yes }}", then: [b]}], next: [c, d]', 'cd'],
  ['case: [{when: "{{ not yes }}", then: [b]}, {else: {next: [c]}}], next: d', 'c'],
  [`case: [{when: "{{ event.name == 'step.exit' }}", then: b}, {when: "{{ event.name == 'call.done' }}", then: c}]`, 'c'],
  [`case: [{when: "{{ event.name == 'loop.done' }}", then: b}]`, ''],
  [`case: [{when: "{{ event.name == 'step.exit' and response.n == 1 and not error }}", then: b}]`, 'b'],
])('after a success: %s goes to "%s"', (routes, expected) => {
  const { names, isHandled } = routed(routes)
  expect(names).toBe(expected)
  expect(isHandled).toBe(expected !== '')
})

test.each([
  ['next: b', ''],
  ['next: [{else: [b]}, c]', ''],
  ['next: [{when: "{{ error }}", then: [b]}, c]', 'b'],
  ['case: [{else: [b]}, {when: "{{ event.name == \'call.error\' }}", then: [c]}]', 'c'],
  ['case: [{else: [b]}], next: [{when: "{{ this.status == \'error\' }}", step: d}]', 'd'],
  ['next: [{when: "{{ nowhere }}", step: b}, {when: "{{ error.message }}", step: c}]', 'c'],
])('after a failure only entries with a when count: %s goes to "%s"', (routes, expected) => {
  expect(routed(routes, { isFailed: true }).names).toBe(expected)
})

test('an iterator also goes by loop.done', () => {
  const tool = 'loop: {in: [1], iterator: x}, tool: {kind: python, code: "1"}, '
  expect(routed(`case: [{when: "{{ event.name == 'loop.done' }}", then: [b]}]`, { tool }).names).toBe('b')
})

test('args: the transition adds its own to each target; they are rendered in the context after the step', () => {
  const { targets } = routed('next: [{when: "yes", args: {x: 1, y: "{{ result.n }}"}, then: [b, {step: c, args: {x: 2}}]}]')
  expect(targets).toEqual([
    { step: 'b', args: { x: 1, y: 1 }, isSensitive: false },
    { step: 'c', args: { x: 2, y: 1 }, isSensitive: false },
  ])
})

test('what fails: thrown after a success, false or empty and recorded after a failure', () => {
  expect(() => routed('next: [{when: "{{ nowhere }}", step: b}]')).toThrow('nowhere')
  expect(() => routed('next: [{step: b, args: {x: "{{ nowhere }}"}}]')).toThrow('nowhere')
  const failed = routed('next: [{when: "{{ error }}", step: b, args: {x: "{{ nowhere }}"}}, {when: "{{ 1 // 0 }}", step: c}]', {
    isFailed: true,
  })
  expect(failed.targets).toEqual([{ step: 'b', args: {}, isSensitive: false }])
  const outcomes = failed.trace.map(({ at, outcome }: RouteTrace) => [at, typeof outcome])
  expect(outcomes).toEqual([
    ['workflow[0].next[0]', 'boolean'],
    ['workflow[0].next[1]', 'string'],
    ['workflow[0].next[0].then[0].args', 'string'],
  ])
})
