import { describe, expect, it } from 'vitest'
import { parse, stepOf, workflow } from './support.js'

const namesOf = (source: string) => {
  const { before, after } = stepOf(source, 'a').vars
  return { before: before.map((entry) => entry.name), after: after.map((entry) => entry.name) }
}

const http = (vars: string, payload = '"{{ vars.x }}"') =>
  workflow(`- step: a\n  tool: http\n  endpoint: http://x\n  payload: ${payload}\n  vars: ${vars}`)

describe('an entry that the tool input reads', () => {
  it.each<[string, string, { before: string[]; after: string[] }]>([
    ['is evaluated before', http('{x: "{{ now() }}"}'), { before: ['x'], after: [] }],
    ['by its bare name, too', http('{x: 1}', '"{{ x }}"'), { before: ['x'], after: [] }],
    ['through another entry', http('{y: 1, x: "{{ vars.y }}", z: 2}'), { before: ['y', 'x'], after: ['z'] }],
    ['not when it reads the result', http('{x: "{{ result.n }}"}'), { before: [], after: ['x'] }],
    ['not when it reads this', http('{x: "{{ this.status }}"}'), { before: [], after: ['x'] }],
    ["not when it reads the step's own name", http('{x: "{{ a.n }}"}'), { before: [], after: ['x'] }],
    ['not when it reads its own result among results', http('{x: "{{ results.a.n }}"}'), { before: [], after: ['x'] }],
    ['not when it reads itself', http('{x: "{{ vars.x + 1 }}"}'), { before: [], after: ['x'] }],
    [
      'not when an entry above it reads the result',
      http('{y: "{{ result }}", x: "{{ vars.y }}"}'),
      { before: [], after: ['y', 'x'] },
    ],
    ['also when it reads what stands below it', http('{x: "{{ vars.y }}", y: "{{ result }}"}'), { before: ['x'], after: ['y'] }],
    ['not when the input does not read it', http('{y: 1}'), { before: [], after: ['y'] }],
    ['not when its author said after', http('{after: {x: 1}}'), { before: [], after: ['x'] }],
    [
      'not when only code names it',
      workflow('- step: a\n  tool: python\n  code: "n = {{ vars.x }}"\n  vars: {x: 1}'),
      { before: [], after: ['x'] },
    ],
    [
      "also in the input of a workbook's task",
      workflow(
        '- step: a\n  tool: workbook\n  name: t\n  vars: {x: 1}',
        'workbook: [{name: t, tool: python, code: y = 1, args: {n: "{{ vars.x }}"}}]\n',
      ),
      { before: ['x'], after: [] },
    ],
  ])('%s', (_name, source, expected) => expect(namesOf(source)).toEqual(expected))

  it('is told to the author', () => {
    const [problem] = parse(http('{x: 1}')).problems
    expect(problem).toMatchObject({ severity: 'info', path: 'workflow[0].vars.x', line: 9, column: 10 })
    expect(problem?.message).toContain('before the tool runs')
  })
})

describe('an initial value of an iterator', () => {
  const iterator = (vars: string) =>
    workflow(`- step: a
  type: iterator
  collection: "{{ vars.list }}"
  element: x
  vars: ${vars}
  task: {type: python, code: y = 1, vars: {n: "{{ vars.n + 1 }}"}}`)

  it.each<[string, string, { before: string[]; after: string[] }]>([
    ['is evaluated before the first iteration', iterator('{n: 0, done: true}'), { before: ['n'], after: ['done'] }],
    ['whatever it reads', iterator('{n: "{{ vars.n | default(0) }}"}'), { before: ['n'], after: [] }],
    ['stays where its author put it', iterator('{after: {n: 0}}'), { before: [], after: ['n'] }],
    ['as does the collection that the iterator reads', iterator('{list: [1]}'), { before: ['list'], after: [] }],
    [
      "but nothing that reads the iterator's own state",
      iterator('{list: "{{ vars.a_count }}"}'),
      { before: [], after: ['list'] },
    ],
  ])('%s', (_name, source, expected) => expect(namesOf(source)).toEqual(expected))

  it('is told to the author', () => {
    expect(parse(iterator('{n: 0}')).problems).toMatchObject([
      { severity: 'info', path: 'workflow[0].vars.n', line: 9, column: 10 },
    ])
  })
})
