import { expect, test } from 'vitest'
import { needsOf, type Phase } from '../../../src/orchestrator/decide/needs.js'
import { snapshotOf } from './snapshots.js'

function needed(steps: string, phase: Phase = 'prepare') {
  const { playbook, step } = snapshotOf({ steps: `${steps}\n- step: fetch` })
  const { vars, steps: results } = needsOf(playbook, step, phase)
  const shown = (names: ReadonlySet<string> | 'all') =>
    names === 'all'
      ? names
      : [...names]
          .filter((name) => name !== 'range')
          .sort()
          .join(' ')
  return [shown(vars), shown(results)]
}

const python = (code: string, args = '{}') => `tool: {kind: python, args: ${args}, code: ${JSON.stringify(code)}}`

test.each([
  ['- {step: a, vars: {x: "{{ vars.y }}", z: {u: ["{{ w }}"]}}}', 'w y', 'w'],
  ['- {step: a, vars: {x: "{{ results.fetch }}"}}', '', 'fetch'],
  ['- {step: a, vars: {x: "{{ vars | length }}"}}', 'all', ''],
  ['- {step: a, vars: {x: "{{ vars[name] }}"}}', 'all', 'name'],
  [`- {step: a, vars: {x: "{{ vars.get('k', 1) }}"}}`, 'k', ''],
  ['- {step: a, vars: {x: "{{ results }}"}}', '', 'all'],
  ['- {step: a, next: [{when: "flag", step: a, args: {p: "{{ vars.arg }}"}}]}', 'arg flag', 'flag'],
  ['- {step: a, case: [{when: "{{ vars.c }}", then: [a]}]}', 'c', ''],
  [
    `- {step: a, ${python('1')}, retry: {max_attempts: "{{ vars.tries }}", max_delay: "{{ vars.most }}", when: "{{ vars.again }}"}, timeout: "{{ vars.limit }}"}`,
    'again limit most tries',
    '',
  ],
  [
    `- {step: a, ${python('1')}, loop: {in: "{{ vars.l }}", iterator: e, where: "e > vars.w", order_by: vars.o, limit: "{{ vars.n }}", chunk: "{{ vars.c }}"}}`,
    'c e l n o w',
    'e',
  ],
  [`- {step: a, ${python('def main(p, q): return p', '{q: "{{ vars.z }}"}')}}`, 'p z', 'p'],
  [`- {step: a, ${python('def main(none, results): return none')}}`, 'none', 'all'],
  [`- {step: a, ${python('result = context')}}`, 'all', 'all'],
])('%s needs the variables "%s" and the results "%s"', (steps, vars, results) => {
  const [foundVars, foundResults] = needed(steps)
  expect(foundVars).toBe(vars)
  expect(foundResults).toBe(results)
})

test('the end of an attempt needs nothing of its beginning; what is found is kept', () => {
  const steps = `- {step: a, vars: {before: {x: "{{ vars.b }}"}, after: {y: "{{ vars.c }}"}}, ${python('result = context')}}`
  expect(needed(steps, 'end')[0]).toBe('c')
  const { playbook, step } = snapshotOf({ steps })
  expect(needsOf(playbook, step, 'end')).toBe(needsOf(playbook, step, 'end'))
})
