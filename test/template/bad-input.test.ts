import { describe, expect, it } from 'vitest'
import { isTransientError } from '../../src/core/errors.js'
import type { JsonValue } from '../../src/core/json.js'
import { createContext, evaluateCondition, renderTemplate, renderText, renderTree } from '../../src/template/index.js'

const context = createContext({ vars: { counter: 5, name: 'Ann', xs: [3, 1, 2], d: { a: 1 }, nothing: null } })

/** Template, code, line and column, and what the message must say. */
const TABLE: Readonly<Record<string, readonly (readonly [string, string, number, number, string])[]>> = {
  syntax: [
    ['{{ 1 + }}', 'TEMPLATE_ERROR', 1, 8, 'expected an expression'],
    ['a\nb {{ (1 }}', 'TEMPLATE_ERROR', 2, 9, ''],
    ['{{ vars.counter', 'TEMPLATE_ERROR', 1, 16, ''],
    ["{{ 'a }}", 'TEMPLATE_ERROR', 1, 4, ''],
    ['{% if vars.counter %}a', 'TEMPLATE_ERROR', 1, 1, ''],
    ['x\n{% endif %}', 'TEMPLATE_ERROR', 2, 4, 'endif'],
    ['{% fro x in vars.xs %}{% endfro %}', 'TEMPLATE_ERROR', 1, 4, 'did you mean for?'],
    ['{% include "x" %}', 'TEMPLATE_ERROR', 1, 4, 'cannot load another'],
    ['{{ a b }}', 'TEMPLATE_ERROR', 1, 6, 'unexpected "b"'],
    ['{{ vars.xs[1:,2] }}', 'TEMPLATE_ERROR', 1, 12, 'slice'],
    ['{% for loop in vars.xs %}{% endfor %}', 'TEMPLATE_ERROR', 1, 13, 'loop'],
    ['{% macro m(a, a) %}{% endmacro %}', 'TEMPLATE_ERROR', 1, 16, 'two parameters'],
    ['{% autoescape true %}{% endautoescape %}', 'TEMPLATE_ERROR', 1, 20, 'use the filter e'],
  ],
  names: [
    ['{{ vars.name | uper }}', 'TEMPLATE_ERROR', 1, 16, 'unknown filter "uper" (did you mean upper?)'],
    ['{{ vars.counter is evn }}', 'TEMPLATE_ERROR', 1, 17, 'unknown test "evn" (did you mean even?)'],
    ["{{ vars.xs | map('stirng') | list }}", 'TEMPLATE_ERROR', 1, 14, 'unknown filter "stirng" (did you mean string?)'],
    ["{{ vars.xs | select('od') | list }}", 'TEMPLATE_ERROR', 1, 14, 'unknown test "od"'],
    ['{{ vars.conter }}', 'TEMPLATE_UNDEFINED', 1, 8, 'did you mean vars.counter?'],
    ['{{ vras.counter }}', 'TEMPLATE_UNDEFINED', 1, 4, 'vras is undefined'],
    ['{{ vars.name.uper() }}', 'TEMPLATE_ERROR', 1, 18, 'no method "uper"'],
    ['{{ vars.name.upper }}', 'TEMPLATE_UNDEFINED', 1, 13, 'upper()'],
    ['{{ nosuch(1) }}', 'TEMPLATE_UNDEFINED', 1, 10, 'nosuch'],
  ],
  arguments: [
    ["{{ 1 | round(1, 'floor', 3) }}", 'TEMPLATE_ERROR', 1, 8, 'at most 2 arguments, 3 given'],
    ["{{ 'a' | replace('a') }}", 'TEMPLATE_ERROR', 1, 10, 'misses the argument "new"'],
    ["{{ 'a' | center(widht=3) }}", 'TEMPLATE_ERROR', 1, 10, 'no argument "widht"'],
    ["{{ 'a' | center(3, width=4) }}", 'TEMPLATE_ERROR', 1, 10, ''],
    ["{{ 'a'.upper(1) }}", 'TEMPLATE_ERROR', 1, 13, 'at most 0 arguments'],
    ['{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}', 'TEMPLATE_ERROR', 1, 35, 'takes 1 arguments, 2 given'],
    ['{{ range() }}', 'TEMPLATE_ERROR', 1, 9, 'misses the argument "start"'],
    ['{{ 5 is divisibleby }}', 'TEMPLATE_ERROR', 1, 6, ''],
  ],
  values: [
    ['{{ vars.counter // 0 }}', 'TEMPLATE_ERROR', 1, 17, 'division by zero'],
    ['{{ vars.counter / 0 }}', 'TEMPLATE_ERROR', 1, 17, 'division by zero'],
    ['{{ vars.counter % 0.0 }}', 'TEMPLATE_ERROR', 1, 17, 'division by zero'],
    ["{{ vars.counter + 'a' }}", 'TEMPLATE_ERROR', 1, 17, 'int'],
    ["{{ 'a' < 1 }}", 'TEMPLATE_ERROR', 1, 8, 'str and int have no order'],
    ["{{ [1, 'a'] | sort }}", 'TEMPLATE_ERROR', 1, 15, 'have no order'],
    ['{{ vars.nothing + 1 }}', 'TEMPLATE_ERROR', 1, 17, 'none'],
    ['{{ vars.counter | length }}', 'TEMPLATE_ERROR', 1, 19, 'no length'],
    ['{% for x in vars.counter %}{% endfor %}', 'TEMPLATE_ERROR', 1, 4, 'cannot be looped over'],
    ['{{ vars.counter() }}', 'TEMPLATE_ERROR', 1, 16, 'cannot be called'],
    ['{{ {vars.xs: 1} }}', 'TEMPLATE_ERROR', 1, 4, 'key'],
    ["{{ '[1, 2' | fromjson }}", 'TEMPLATE_ERROR', 1, 14, 'not JSON'],
    ["{{ '%d' % 'a' }}", 'TEMPLATE_ERROR', 1, 9, 'a number is needed'],
    ['{{ range }}', 'TEMPLATE_ERROR', 1, 1, 'not a value that can be stored'],
    ['{{ 1e308 * 10 }}', 'TEMPLATE_ERROR', 1, 10, 'not a JSON number'],
    ['{% set vars.x = 1 %}', 'TEMPLATE_ERROR', 1, 8, 'read-only'],
  ],
  cycles: [
    ['{% set a = [] %}{% set _ = a.append(a) %}{{ a | tojson }}', 'TEMPLATE_FORBIDDEN', 1, 49, 'nests too deeply'],
    ["{% set a = {} %}{% set _ = a.update({'a': a}) %}{{ a | tojson }}", 'TEMPLATE_FORBIDDEN', 1, 56, 'nests too deeply'],
    ['{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}', 'TEMPLATE_FORBIDDEN', 1, 20, 'nests too deeply'],
  ],
  limits: [
    ["{{ 'a' * 99999999 }}", 'TEMPLATE_FORBIDDEN', 1, 8, '(limit '],
    ['{{ 9 ** 99999999 }}', 'TEMPLATE_FORBIDDEN', 1, 6, 'too long'],
    ["{{ ''.__class__() }}", 'TEMPLATE_FORBIDDEN', 1, 16, 'closed to templates'],
  ],
}

function faultOf(work: () => JsonValue | boolean): { code: string; message: string; line: JsonValue; column: JsonValue } {
  try {
    return { code: `no error but ${JSON.stringify(work())}`, message: '', line: 0, column: 0 }
  } catch (error) {
    if (!isTransientError(error)) throw error
    const { line = 0, column = 0 } = error.details
    return { code: error.code, message: error.message, line, column }
  }
}

describe.each(Object.entries(TABLE))('bad %s', (_, rows) => {
  it.each(rows)('%s is %s at %i:%i', (template, code, line, column, message) => {
    const fault = faultOf(() => renderTemplate(template, context))
    expect([fault.code, fault.line, fault.column]).toEqual([code, line, column])
    expect(fault.message).toContain(message)
  })

  it.each(rows)('%s is an error wherever it stands, with the place in the playbook', (template, code) => {
    const inTree = faultOf(() => renderTree({ a: [template] }, context, 'workflow[0].vars'))
    expect(inTree.code).toBe(code)
    expect(inTree.message).toContain('workflow[0].vars.a[0]: ')
    // A function and an infinite number are no JSON, but they are true, and they have a text.
    if (!['{{ range }}', '{{ 1e308 * 10 }}'].includes(template)) {
      expect(faultOf(() => evaluateCondition(template, context)).code).toBe(code)
      expect(faultOf(() => renderText(template, context)).code).toBe(code)
    }
  })
})

it('a source above 16 KiB is refused before it is read', () => {
  expect(faultOf(() => renderTemplate(`{{ ${'1 +'.repeat(6000)} 1 }}`, context))).toMatchObject({
    code: 'TEMPLATE_ERROR',
    message: expect.stringContaining('longer than 16384'),
    line: 1,
    column: 1,
  })
})
