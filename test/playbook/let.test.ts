import { describe, expect, it } from 'vitest'
import { modelOf, problemsOf, workflow } from './support.js'

const inStep = (text: string) => workflow(`- step: a\n  ${text}`)

describe('let', () => {
  it('is of the visit, of each iteration of a task, and of each iteration beside a loop', () => {
    const { steps } = modelOf(
      workflow(`- step: a
  let: {x: 1, y: "{{ x }}"}
- step: b
  type: iterator
  collection: [1]
  element: n
  let: {of_visit: 1}
  task: {tool: python, code: "result = 1", let: {of_each: "{{ n }}"}}
- step: c
  loop: {in: "{{ [1] }}", iterator: n}
  let: {of_each: "{{ n }}"}
  tool: {kind: python, code: "result = 1"}`),
    )
    const names = (entries: readonly { name: string }[] = []) => entries.map(({ name }) => name)
    expect(steps.map((step) => [names(step.locals), names(step.loop?.taskLocals)])).toEqual([
      [['x', 'y'], []],
      [['of_visit'], ['of_each']],
      [[], ['of_each']],
    ])
    expect(steps[0]?.locals[1]).toMatchObject({ value: '{{ x }}', at: 'workflow[0].let.y' })
  })

  it('counts as input: what it reads of vars is evaluated before', () => {
    const source = inStep(
      'let: {twice: "{{ vars.n * 2 }}"}\n  tool: python\n  code: "result = 1"\n  vars: {n: 4, m: "{{ result }}"}',
    )
    const { vars } = modelOf(source).steps[0] ?? {}
    expect([vars?.before.map(({ name }) => name), vars?.after.map(({ name }) => name)]).toEqual([['n'], ['m']])
  })

  it.each([
    ['a list', inStep('let: [a]'), 'error 6:8 workflow[0].let | let must be a mapping of names to values, not a list'],
    ['a name that cannot be', inStep('let: {"a b": 1}'), 'error 6:9 workflow[0].let.a b | is not a name'],
    ['a reserved name', inStep('let: {result: 1}'), 'error 6:9 workflow[0].let.result | cannot be'],
    ['a template that does not compile', inStep('let: {a: "{{ 1 + }}"}'), 'error 6:20 workflow[0].let.a | '],
    [
      'the name of the element',
      inStep('type: iterator\n  collection: [1]\n  element: n\n  task: {tool: python, code: "result = 1", let: {n: 2}}'),
      'error 9:50 workflow[0].task.let.n | "n" is the name of the current element',
    ],
    [
      'the name of the element of a loop',
      inStep('loop: {in: "{{ [1] }}", iterator: n}\n  let: {n: 2}\n  tool: {kind: python, code: "result = 1"}'),
      'error 7:9 workflow[0].let.n | "n" is the name of the current element',
    ],
  ])('refuses %s', (_what, source, expected) => {
    const [where = '', what = ''] = expected.split(' | ')
    const problems = problemsOf(source)
    expect(problems).toEqual([expect.stringContaining(where)])
    expect(problems[0]).toContain(what)
  })
})
