import { describe, expect, it } from 'vitest'
import { modelOf, problemsOf, workflow } from './support.js'

const waiting = (text: string) => workflow(`- step: a\n  wait: ${text}`)

describe('wait', () => {
  it('is read from a step and from the task of an iterator', () => {
    const { steps } = modelOf(
      workflow(`- step: a
  wait: {until: "{{ vars.a.b == workload.x and vars['c'] }}", timeout: 60}
- step: b
  type: iterator
  collection: [1]
  element: x
  task: {wait: {until: "vars.done > x"}}
- step: c
  wait: {for: "{{ vars.seconds }}"}
- step: d
  wait: {at: 2026-12-24T18:00:00Z}`),
    )
    expect(steps.map(({ wait }) => wait)).toMatchObject([
      { until: "{{ vars.a.b == workload.x and vars['c'] }}", reads: ['a', 'c'], timeout: 60, at: 'workflow[0].wait' },
      { until: 'vars.done > x', reads: ['done'], timeout: null },
      { until: null, forSeconds: '{{ vars.seconds }}' },
      { moment: '2026-12-24T18:00:00Z' },
    ])
    expect(steps[1]?.tool).toBeNull()
  })

  it.each([
    ['now()', waiting('{until: "{{ now() > vars.due }}"}'), 'error 6:17 workflow[0].wait.until | cannot read now()'],
    ['a result', waiting('{until: "{{ fetch.ok and vars.x }}"}'), 'error 6:17 workflow[0].wait.until | cannot read "fetch"'],
    ['globals', waiting('{until: "{{ globals.x and vars.x }}"}'), 'error 6:17 workflow[0].wait.until | cannot read "globals"'],
    ['all of vars', waiting('{until: "{{ vars | length > 2 }}"}'), 'error 6:17 workflow[0].wait.until | must name each variable'],
    ['no variable', waiting('{until: "{{ workload.x }}"}'), 'error 6:17 workflow[0].wait.until | reads no variable'],
    ['a constant', waiting('{until: true}'), 'error 6:17 workflow[0].wait.until | reads no variable'],
    ['two goals', waiting('{until: "{{ vars.x }}", for: 3}'), 'error 6:33 workflow[0].wait.for | give one of'],
    ['none', waiting('{timeout: 3}'), 'error 6:9 workflow[0].wait | needs "until"'],
    ['a timeout of a time', waiting('{for: 3, timeout: 3}'), 'error 6:18 workflow[0].wait.timeout | ends by itself'],
    ['a negative time', waiting('{for: -3}'), 'error 6:15 workflow[0].wait.for | at least 0'],
    ['no time', waiting('{at: tomorrow}'), 'error 6:14 workflow[0].wait.at | ISO 8601'],
    ['no mapping', waiting('"{{ vars.x }}"'), 'error 6:9 workflow[0].wait | must be a mapping'],
    ['an unknown key', waiting('{until_: "{{ vars.x }}", for: 1}'), 'error 6:10 workflow[0].wait.until_ | until'],
    [
      'a tool beside it',
      workflow('- step: a\n  tool: {kind: python, code: "result = 1"}\n  wait: {for: 1}'),
      'error 6:3 workflow[0].tool | let another step run it',
    ],
    [
      'a retry',
      workflow('- step: a\n  retry: {max_attempts: 2}\n  wait: {for: 1}'),
      'error 6:3 workflow[0].retry | not tried again',
    ],
  ])('%s is a problem', (_name, source, expected) => {
    const [place = '', text = ''] = expected.split(' | ')
    const found = problemsOf(source).map((problem) => String(problem))
    expect(
      found.some((line) => line.startsWith(place) && line.includes(text)),
      found.join('\n'),
    ).toBe(true)
  })
})
