import fc from 'fast-check'
import { playbook, python } from '../support/source.js'
import { WORKER_POOL } from './fleet.js'

/** What a random playbook's child answers. */
export const CHILD = playbook(
  'chaos-child',
  `- step: start\n  vars: {doubled: "{{ workload.x * 2 }}"}\n  next: end\n- step: end\n  tool: {kind: python, args: {y: "{{ vars.doubled }}"}, code: "result = y"}`,
)

interface Part {
  /** Steps in YAML; the first is called as it is asked, the last leads to `next`. */
  write(name: string, next: string): string
}

const small = fc.integer({ min: 1, max: 9 })
const pool = fc.constantFrom('default', WORKER_POOL)
/** Reads what was there, so that a change applied twice, or in another order, shows at the end. */
const vars = (more = '') => `{a: "{{ vars.a * 3 % 1009 + 1 }}", trail: "{{ vars.trail + [vars.a] }}"${more}}`

/** A step with a tool, or none, whose value goes into `a`. */
const line: fc.Arbitrary<Part> = fc
  .tuple(fc.constantFrom('none', 'python', 'playbook', 'workbook'), small, pool)
  .map(([kind, k, where]) => ({
    write(name, next) {
      const tools: Record<string, string> = {
        python: `\n  tool: {kind: python, args: {x: "{{ vars.a }}", k: ${k}}, code: "result = x + k"}`,
        playbook: `\n  tool: {kind: playbook, path: test/chaos-child, args: {x: "{{ vars.a }}"}}`,
        workbook: `\n  tool: {kind: workbook, name: add, args: {x: "{{ vars.b }}", k: ${k}}}`,
      }
      const tool = tools[kind] ?? ''
      const result = tool === '' ? `, b: "{{ vars.b + ${k} }}"` : `, b: "{{ vars.b + result % ${k + 1} }}"`
      return `- step: ${name}\n  pool: ${where}${tool}\n  vars: ${vars(result)}\n  next: ${next}`
    },
  }))

/** A step that goes round a few times. */
const cycle: fc.Arbitrary<Part> = fc.integer({ min: 1, max: 3 }).map((rounds) => ({
  write: (name, next) =>
    `- step: ${name}\n  vars: ${vars(`, ${name}_turn: "{{ (vars.${name}_turn | default(0)) + 1 }}"`)}\n  next: [{when: "{{ vars.${name}_turn < ${rounds} }}", step: ${name}}, {else: [{step: ${next}}]}]`,
}))

/** One way or the other, by what the variables say. */
const fork: fc.Arbitrary<Part> = small.map((k) => ({
  write: (name, next) =>
    [
      `- step: ${name}\n  vars: ${vars()}\n  next: [{when: "{{ vars.a % 2 == 0 }}", step: ${name}_even}, {else: [{step: ${name}_odd}]}]`,
      `- step: ${name}_even\n  vars: {b: "{{ vars.b * 2 + ${k} }}"}\n  next: ${next}`,
      `- step: ${name}_odd\n  vars: {b: "{{ vars.b + ${k} }}"}\n  next: ${next}`,
    ].join('\n'),
}))

/** A loop, one after the other (where the order shows) or side by side (where sums must come out all the same). */
const loop: fc.Arbitrary<Part> = fc
  .tuple(fc.array(small, { minLength: 1, maxLength: 5 }), fc.boolean(), fc.boolean(), pool)
  .map(([items, isAsync, isChild, where]) => ({
    write(name, next) {
      const mode = isAsync ? 'async' : 'sequential'
      const tool = isChild
        ? '{kind: playbook, path: test/chaos-child, args: {x: "{{ item }}"}}'
        : python('return item * 2', 'item')
      const change = isAsync ? '{b: "{{ vars.b + result }}"}' : '{b: "{{ vars.b * 2 % 1013 + result }}"}'
      const list = `collection: ${JSON.stringify(items)}\n  element: item\n  mode: ${mode}`
      return `- step: ${name}\n  pool: ${where}\n  type: iterator\n  ${list}\n  task: {tool: ${tool}, vars: ${change}}\n  vars: ${vars()}\n  next: ${next}`
    },
  }))

/** Two branches side by side at the end; what both write is a sum. */
const last: fc.Arbitrary<string> = small.map((k) =>
  [
    '- step: last\n  next: [{step: left}, {step: right}]',
    `- step: left\n  tool: ${python('return 1')}\n  vars: {sum: "{{ vars.sum + ${k} }}", left: "{{ vars.b }}"}`,
    `- step: right\n  pool: ${WORKER_POOL}\n  tool: ${python('return 2')}\n  vars: {sum: "{{ vars.sum + result }}"}`,
  ].join('\n'),
)

/** Playbooks with every way of going on, whose end does not depend on luck; the number makes the path. */
export function randomPlaybooks(count: number, seed: number): string[] {
  const parts = fc.array(fc.oneof(line, line, cycle, fork, loop), { minLength: 2, maxLength: 5 })
  const drawn = fc.sample(fc.tuple(parts, last), { numRuns: count, seed })
  return drawn.map(([middle, end], index) => {
    const first = '- step: start\n  vars: {a: 1, b: 1, sum: 0, trail: []}\n  next: s0'
    const steps = middle.map((part, at) => part.write(`s${at}`, at + 1 < middle.length ? `s${at + 1}` : 'last'))
    const add = `workbook:\n- name: add\n  tool: ${python('return x + k', 'x, k')}`
    return playbook(`random-${index}`, [first, ...steps, end].join('\n'), { more: add })
  })
}
