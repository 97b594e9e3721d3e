import { describe, expect, it } from 'vitest'
import { modelOf, problemsOf, workflow } from './support.js'

const inStep = (text: string) => workflow(`- step: a\n  ${text}`)

describe('parent, root and accept', () => {
  it('are read on a step and on a task', () => {
    const { steps } = modelOf(
      workflow(`- step: a
  tool: playbook
  path: x
  accept: [done]
  parent: {increment: {n: 1}, append: {list: {a: 1}}, set: {x: {value: 1, ttl: 2}}}
  root: {set: {y: 1}}
- step: b
  type: iterator
  collection: [1]
  element: n
  task: {tool: playbook, path: x, accept: [sum], root: {increment: {m: "{{ n }}"}}}
- step: c
  loop: {in: "{{ [1] }}", iterator: n}
  tool: {kind: playbook, path: x}
  accept: [each]`),
    )
    expect(steps.map(({ accept }) => accept)).toEqual([['done'], ['sum'], ['each']])
    const shown = (list: readonly { operation: string; name: string }[] = []) => list.map((one) => `${one.operation} ${one.name}`)
    expect(shown(steps[0]?.operations.parent)).toEqual(['set x', 'increment n', 'append list'])
    // Only variables of a space are kept for a time.
    expect(steps[0]?.operations.parent[0]).toMatchObject({ value: { value: 1, ttl: 2 }, ttl: null })
    expect(shown(steps[0]?.operations.root)).toEqual(['set y'])
    expect(shown(steps[1]?.loop?.taskOperations.root)).toEqual(['increment m'])
  })

  it.each([
    [
      'a delete',
      inStep('parent: {delete: [a]}'),
      'error 6:12 workflow[0].parent.delete | unknown key "delete" in parent; accepted: set, increment, append',
    ],
    [
      'a list',
      inStep('root: [a]'),
      'error 6:9 workflow[0].root | root must be a mapping of operations, such as {increment: {charges_today: 1}}, not a list',
    ],
    [
      'a name twice',
      inStep('parent: {set: {a: 1}, append: {a: 1}}'),
      'error 6:37 workflow[0].parent.append.a | "a" is written twice: one transaction does one thing with a variable',
    ],
    [
      'accept that is no list',
      inStep('tool: {kind: playbook, path: x}\n  accept: a'),
      'error 7:11 workflow[0].accept | accept must be a list of names of variables, not a text',
    ],
    [
      'accept of a name that cannot be',
      inStep('tool: {kind: playbook, path: x}\n  accept: [vars]'),
      'error 7:12 workflow[0].accept[0] | ',
    ],
    [
      'accept without children',
      inStep('accept: [a]'),
      'error 6:3 workflow[0].accept | "accept" is for a step that runs a playbook: its executions may change these variables',
    ],
    [
      'accept beside the task',
      inStep('type: iterator\n  collection: [1]\n  element: n\n  accept: [a]\n  task: {tool: playbook, path: x}'),
      'error 9:3 workflow[0].accept | write "accept" into the task: that is what runs the children',
    ],
    [
      'accept that a closed schema does not know',
      workflow(
        '- step: a\n  tool: {kind: playbook, path: x}\n  accept: [b]',
        'schema: {closed: true, vars: {a: {type: string}}}\n',
      ),
      'the variable "b" is not declared in schema.vars, which is closed',
    ],
  ])('refuses %s', (_what, source, expected) => {
    expect(problemsOf(source)).toEqual([expect.stringContaining(expected)])
  })
})
