import { describe, expect, it } from 'vitest'
import { modelOf, problemsOf, workflow } from './support.js'

const END = '\n- step: b\n- step: c\n'
const stepsOf = (source: string) => modelOf(workflow(source)).steps.map(({ at: _, ...step }) => step)
const plain = (value: unknown) => JSON.stringify(value, (key, entry) => (key === 'at' ? undefined : entry))

describe("NoETL's present form gives the same model as our own", () => {
  it.each([
    [
      'exclusive arcs',
      '- step: a\n  tool: {kind: noop}\n  next: {spec: {mode: exclusive}, arcs: [{step: b, when: "{{ ctx.n == 1 }}", input: {k: "{{ ctx.n }}"}}, {step: c}]}',
      '- step: a\n  case: [{when: "{{ vars.n == 1 }}", then: [{step: b, args: {k: "{{ vars.n }}"}}]}, {else: [c]}]',
    ],
    [
      'inclusive arcs',
      '- step: a\n  next: {spec: {mode: inclusive}, arcs: [{step: b, when: "{{ ctx.n }}"}, {step: c, when: "{{ ctx.m }}"}]}',
      '- step: a\n  next: [{when: "{{ vars.n }}", then: [b]}, {when: "{{ vars.m }}", then: [c]}]',
    ],
    [
      'rules, set and names of templates',
      '- step: a\n  tool: {kind: http, spec: {method: GET, endpoint: "http://x/{{ ctx.p }}?ctx.p", policy: {rules: [' +
        `{when: "{{ output.status == 'error' and output.error.code == 'ok' }}", then: {do: retry, attempts: 4, delay: 0.5, backoff: linear}}, ` +
        `{when: "{{ output.status == 'error' }}", then: {do: fail}}, {else: {then: {do: continue, set: {ctx.x: "{{ output.data.x }}"}}}}]}}}\n` +
        `  set: {ctx.ok: "{{ output.status == 'ok' }}"}\n  next: {arcs: [{step: b}, {step: c}]}`,
      '- step: a\n  tool: {kind: http, method: GET, endpoint: "http://x/{{ vars.p }}?ctx.p"}\n' +
        `  retry: {max_attempts: 4, initial_delay: 0.5, backoff_multiplier: 1, when: "{{ this.status == 'error' and this.error.code == 'ok' }}"}\n` +
        `  vars: {after: {x: "{{ this.data.x }}", ok: "{{ this.status == 'success' }}"}}\n  next: [b]`,
    ],
    [
      'a loop with a list of one tool',
      '- step: a\n  loop: {in: "{{ xs }}", iterator: x, spec: {mode: parallel, max_in_flight: 3}}\n  tool: [{name: t, kind: python, input: {x: "{{ iter.x }}"}, code: result = x}]\n  next: {arcs: [{step: b}]}',
      '- step: a\n  loop: {in: "{{ xs }}", iterator: x, mode: parallel, concurrency: 3}\n  tool: {kind: python, args: {x: "{{ x }}"}, code: result = x}\n  next: [b]',
    ],
    [
      'set on an arc',
      '- step: a\n  next: {arcs: [{step: b, when: "{{ ctx.n }}", set: {ctx.m: "{{ output.data.m }}"}}, {step: c}]}',
      '- step: a\n  case: [{when: "{{ vars.n }}", then: [a_to_b]}, {else: [c]}]\n- step: a_to_b\n  vars: {after: {m: "{{ a.m }}"}}\n  next: [b]',
    ],
  ])('%s', (_, theirs, ours) => {
    expect(plain(stepsOf(theirs + END))).toBe(plain(stepsOf(ours + END)))
  })

  it.each([
    ['arcs and case', 'case: [{when: "{{ true }}", then: [b]}]', 'this step routes with arcs already'],
    ['set and vars', 'set: {ctx.x: 1}\n  vars: {y: 1}', 'this step sets variables with "set" already'],
    [
      'a rule without an outcome',
      'tool: {kind: python, code: x = 1, spec: {policy: {rules: [{when: "{{ true }}"}]}}}',
      'no outcome',
    ],
  ])('%s: is refused', (_, text, message) => {
    const problems = problemsOf(workflow(`- step: a\n  ${text}\n  next: {arcs: [{step: b}, {step: c}]}${END}`))
    expect(problems.filter((problem) => problem.startsWith('error'))).toEqual([expect.stringContaining(message)])
  })

  it('an arc to nowhere is refused where it names the step', () => {
    expect(problemsOf(workflow(`- step: first\n  next: {arcs: [{step: firs}]}\n`))).toContainEqual(
      expect.stringMatching(/^error 6:24 .*firs.*first/),
    )
  })
})
