import { describe, expect, it } from 'vitest'
import { parsePlaybook } from '../../src/playbook/index.js'
import { TOOLS } from '../../src/tools/index.js'
import { modelOf, problemsOf, workflow } from './support.js'

const inStep = (text: string) => workflow(`- step: a\n  ${text}`)

describe('globals', () => {
  it('names the space at the root, by default "global", and what a step does with its variables', () => {
    const { space, steps } = modelOf(
      workflow(
        `- step: a
  globals:
    set: {last: {value: "{{ now() }}", ttl: 60}, plain: {value: 1, more: 2}}
    increment: {n: 1, m: "{{ vars.by }}"}
    append: {log: {at: 1}}
    delete: [gone]
- step: b
  type: iterator
  collection: [1]
  element: x
  task: {tool: python, code: "result = 1", globals: {increment: {n: "{{ x }}"}}}`,
        'globals: billing/prod\n',
      ),
    )
    expect(space).toBe('billing/prod')
    expect(steps[0]?.operations.globals.map(({ operation, name }) => `${operation} ${name}`)).toEqual([
      ...['set last', 'set plain', 'increment n', 'increment m', 'append log', 'delete gone'],
    ])
    expect(steps[0]?.operations.globals[0]).toMatchObject({ value: '{{ now() }}', ttl: 60 })
    expect(steps[0]?.operations.globals[1]).toMatchObject({ value: { value: 1, more: 2 }, at: 'workflow[0].globals.set.plain' })
    expect(steps[1]?.loop?.taskOperations.globals).toMatchObject([{ operation: 'increment', name: 'n', value: '{{ x }}' }])
    expect(modelOf(workflow('- step: a')).space).toBe('global')
  })

  it('is no name of a variable any more, but of one that a registered playbook has', () => {
    const source = inStep('vars: {globals: 1}')
    const { playbook, problems } = parsePlaybook(source, { tools: TOOLS, isRegistered: true })
    expect([playbook?.steps[0]?.vars.after.map(({ name }) => name), problems]).toEqual([['globals'], []])
  })

  it.each([
    [
      'a space that no space can be',
      workflow('- step: a', 'globals: ../x\n'),
      'error 4:10 globals | must be the name of a space',
    ],
    ['a space that is a mapping', workflow('- step: a', 'globals: {a: 1}\n'), 'error 4:10 globals | not a mapping'],
    ['a list', inStep('globals: [a]'), 'error 6:12 workflow[0].globals | must be a mapping of operations'],
    [
      'an unknown operation',
      inStep('globals: {increase: {a: 1}}'),
      'error 6:13 workflow[0].globals.increase | accepted: set, increment',
    ],
    ['values that are a list', inStep('globals: {set: [a]}'), 'error 6:18 workflow[0].globals.set | must be a mapping of names'],
    ['a name that cannot be', inStep('globals: {set: {"a b": 1}}'), 'error 6:19 workflow[0].globals.set.a b | is not a name'],
    [
      'an increment by a text',
      inStep('globals: {increment: {a: much}}'),
      'error 6:28 workflow[0].globals.increment.a | must be a number',
    ],
    [
      'a ttl that is none',
      inStep('globals: {set: {a: {value: 1, ttl: 0}}}'),
      'error 6:38 workflow[0].globals.set.a.ttl | ttl must be an integer of at least 1',
    ],
    [
      'names to delete in a mapping',
      inStep('globals: {delete: {a: 1}}'),
      'error 6:21 workflow[0].globals.delete | must be a list of names',
    ],
    ['a number to delete', inStep('globals: {delete: [1]}'), 'error 6:22 workflow[0].globals.delete[0] | delete lists names'],
    [
      'a variable that is written twice',
      inStep('globals: {set: {a: 1}, delete: [a]}'),
      'error 6:35 workflow[0].globals.delete[0] | "a" is written twice',
    ],
    [
      'set that reads a global',
      inStep('globals: {set: {a: "{{ globals.a + 1 }}"}}'),
      'error 6:22 workflow[0].globals.set.a | use "increment" or "append"',
    ],
    [
      'set that reads one deep inside',
      inStep('globals:\n    set:\n      a: {b: ["{{ globals.get(\'x\') }}"]}'),
      'error 8:10 workflow[0].globals.set.a | use "increment" or "append"',
    ],
    [
      'a template that does not compile',
      inStep('globals: {append: {a: "{{ 1 + }}"}}'),
      'error 6:33 workflow[0].globals.append.a | ',
    ],
    [
      'a workload that reads a global',
      workflow('- step: a', 'workload: {ok: 1, a: {b: "{{ globals.x }}"}}\n'),
      'error 4:22 workload.a | read it in a step',
    ],
    ['a step that is called globals', workflow('- step: globals'), 'error 5:9 workflow[0].step | "globals" is reserved'],
    [
      'a variable that is called globals',
      inStep('vars: {globals: 1}'),
      'error 6:10 workflow[0].vars.globals | "globals" is reserved',
    ],
  ])('refuses %s', (_what, source, expected) => {
    const [place = '', message = ''] = expected.split(' | ')
    const [found = '', ...others] = problemsOf(source)
    expect(others).toEqual([])
    expect(found.startsWith(`${place} | `) ? place : found).toBe(place)
    expect(found).toContain(message)
  })
})
