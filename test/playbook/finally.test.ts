import { describe, expect, it } from 'vitest'
import { modelOf, problemsOf, workflow } from './support.js'

const STEPS = '- step: a\n- step: clean'

describe('finally and timeout at the root', () => {
  it('name a step, to which nothing else need lead, and seconds', () => {
    const source = workflow(STEPS, 'finally: clean\ntimeout: 1.5\n')
    expect(modelOf(source)).toMatchObject({ finally: 'clean', timeout: 1.5 })
    expect(problemsOf(source)).toEqual([])
    expect(modelOf(workflow('- step: a'))).toMatchObject({ finally: null, timeout: null })
  })

  it.each([
    [
      'a step that is not there',
      'finally: cleaner\n',
      'error 4:10 finally | finally must be the name of a step, not "cleaner": did you mean "clean"?',
    ],
    ['a list', 'finally: [clean]\n', 'error 4:10 finally | finally must be the name of a step, not a list'],
    ['no time', 'timeout: 0\n', 'error 4:10 timeout | timeout must be a number of seconds above 0, not a number'],
    ['a text', 'timeout: 5m\n', 'error 4:10 timeout | timeout must be a number of seconds above 0, not "5m"'],
  ])('refuses %s', (_what, head, expected) => {
    expect(problemsOf(workflow(STEPS, head)).filter((problem) => problem.startsWith('error'))).toEqual([expected])
  })
})
