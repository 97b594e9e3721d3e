import { describe, expect, it } from 'vitest'
import { isTransientError } from '../../src/core/errors.js'
import { createContext, EvaluationTimeout, renderTemplate } from '../../src/template/index.js'

const LONG = '{% for i in range(5000) %}{{ i }}{% endfor %}'

/** A clock that goes on by `stepMs` at every look, and how often it was looked at. */
function clock(stepMs: number): { elapsedMs: () => number; looks: () => number } {
  let looks = 0
  return { elapsedMs: () => stepMs * ++looks, looks: () => looks }
}

function thrown(template: string, evaluationLimits: { elapsedMs: () => number; isLastTry: boolean }): unknown {
  try {
    renderTemplate(template, createContext({ evaluationLimits }))
  } catch (error) {
    return error
  }
  return null
}

describe('the clock behind the budgets', () => {
  it('stops an evaluation of more than a second, at first with an error that is not a template error', () => {
    const error = thrown(LONG, { ...clock(1001), isLastTry: false })
    expect(error).toBeInstanceOf(EvaluationTimeout)
    expect(isTransientError(error)).toBe(false)
  })

  it('is TEMPLATE_FORBIDDEN with a place at the last try, and without a evaluationLimits of its own', () => {
    const error = thrown(`a\n${LONG}`, { ...clock(1001), isLastTry: true })
    expect(error).toMatchObject({ code: 'TEMPLATE_FORBIDDEN', details: { line: 2 } })
  })

  it('lets a slow evaluation below a second end', () => {
    expect(thrown(LONG, { ...clock(100), isLastTry: false })).toBeNull()
  })

  it('is never looked at by small templates', () => {
    const { elapsedMs, looks } = clock(5000)
    expect(thrown('{{ range(100) | join }}', { elapsedMs, isLastTry: false })).toBeNull()
    expect(looks()).toBe(0)
  })

  it('gives way to the budget: what exhausts it says so on every machine', () => {
    const error = thrown('{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}', {
      ...clock(0.01),
      isLastTry: false,
    })
    expect(error).toMatchObject({ code: 'TEMPLATE_FORBIDDEN', message: expect.stringContaining('too many steps') })
  })
})
