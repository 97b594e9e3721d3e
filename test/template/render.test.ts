import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTransientError, type TransientError } from '../../src/core/errors.js'
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from '../../src/core/json.js'
import {
  compileCondition,
  compileTemplate,
  createContext,
  evaluateCondition,
  isMarkedSql,
  referencesOf,
  renderTemplate,
  renderTree,
  StepValue,
  splitTemplate,
  toPlainContext,
} from '../../src/template/index.js'

const fetched = { items: [1, 2], count: 7 }
const envelope = { data: fetched, status: 'success', error: null }
const layers = {
  now: new Date('2026-11-22T05:00:00.123Z'),
  locals: { item: 3, this: envelope },
  vars: {
    counter: 5,
    item: 'hidden',
    nothing: null,
    big: parseJson('9007199254740993'),
    start: '2026-11-22T05:00:00Z',
    end: '2026-11-22T05:00:02.500Z',
  } as JsonObject,
  steps: {
    fetch: new StepValue(fetched, { ...envelope, command_0: { rows: [1] } }),
    rows: new StepValue([{ id: 1 }], { data: [{ id: 1 }], status: 'success' }),
  },
  workload: { counter: 'workload', timeout: 30, big: parseJson('123456789012345678901234567890') } as JsonObject,
  builtins: { execution_id: '507861119290048685', env: { SECRET: 'x' } },
}
const context = createContext(layers)
const render = (source: string): JsonValue => renderTemplate(source, context)
const text = (source: string): string => stringifyJson(render(source))

function fault(work: () => unknown): TransientError {
  try {
    work()
  } catch (error) {
    if (isTransientError(error)) return error
    throw error
  }
  throw new Error('no error')
}

describe('a template', () => {
  it.each<[string, JsonValue]>([
    ['{{ vars.counter + 1 }}', 6],
    ['n={{ vars.counter }}', 'n=5'],
    ['no markup { }', 'no markup { }'],
    ['{{ counter }}', 5],
    ['{{ workload.counter }}', 'workload'],
    ['{{ timeout }}', 30],
    ['{{ item }}', 3],
    ['{{ vars.nothing }}', null],
    ['{{ execution_id }}', '507861119290048685'],
    ['{{ fetch.items }}', [1, 2]],
    ['{{ fetch.data.items }}', [1, 2]],
    ['{{ fetch.status }}', 'success'],
    ['{{ fetch.count }}', 7],
    ['{{ fetch.command_0.rows[0] }}', 1],
    ['{{ fetch }}', fetched],
    ['{{ results.fetch.items | length }}', 2],
    ['{{ results }}', { fetch: fetched, rows: [{ id: 1 }] }],
    ['{{ rows[0].id }}', 1],
    ['{{ rows.data[0].id }}', 1],
    ['{{ this.data.items | length > 0 }}', true],
    ['{{ this.data.items() | list | length }}', 2],
    ['{{ vars.end - vars.start }}', 2.5],
    ['{{ now() }}', '2026-11-22T05:00:00.123Z'],
    ['{{ now() - vars.start }}', 0.123],
    ['{{ vars.start + 60 }}', '2026-11-22T05:01:00.000Z'],
    ['{{ (8 / (8 + 2)) * 100 if (8 + 2) > 0 else 0 }}', 80],
    ['{{ vars.attempt | default(1) }}', 1],
    ['{{ vars.attempt is defined }}', false],
    ["{{ '01234' }}", '01234'],
  ])('%s gives %j', (source, value) => {
    expect(render(source)).toEqual(value)
  })

  it('keeps the digits of long integers when it reads, computes, compares and prints them', () => {
    expect(text('{{ vars.big }}')).toBe('9007199254740993')
    expect(text('{{ vars.big + 1 }}')).toBe('9007199254740994')
    expect(text('{{ [workload.big * 2] }}')).toBe('[246913578024691357802469135780]')
    expect(render('{{ vars.big == 9007199254740993 }}')).toBe(true)
    expect(render('n={{ vars.big }}')).toBe('n=9007199254740993')
  })

  it('renders every string of a tree, not its keys', () => {
    expect(renderTree({ '{{ x }}': ['{{ vars.counter }}', 1, { a: 'n{{ item }}' }] }, context)).toEqual({
      '{{ x }}': [5, 1, { a: 'n3' }],
    })
  })

  it('says what is undefined, where, and what was meant', () => {
    const error = fault(() => renderTemplate('{{ vars.conter + 1 }}', context, 'workflow[2].vars.total'))
    expect(error.code).toBe('TEMPLATE_UNDEFINED')
    expect(error.message).toContain('vars.conter is undefined (did you mean vars.counter?)')
    expect(error.details).toEqual({ expression: '{{ vars.conter + 1 }}', line: 1, column: 16, at: 'workflow[2].vars.total' })
  })

  it.each<[string, string, string]>([
    ['{{ missing }}', 'TEMPLATE_UNDEFINED', 'missing is undefined'],
    ['{{ missing.x.y }}', 'TEMPLATE_UNDEFINED', 'missing is undefined'],
    ['a {{ vars.missing }}', 'TEMPLATE_UNDEFINED', 'vars.missing is undefined'],
    ['{{ vars.start.upper }}', 'TEMPLATE_UNDEFINED', 'call it with "upper()"'],
    ['{{ 1 + }}', 'TEMPLATE_ERROR', 'expected an expression'],
    ['{{ 1 | uper }}', 'TEMPLATE_ERROR', 'did you mean upper?'],
    ['{{ 1 is evn }}', 'TEMPLATE_ERROR', 'did you mean even?'],
    ["{{ 1 | round(1, 'x', 2) }}", 'TEMPLATE_ERROR', 'at most 2 arguments'],
    ['{{ 1 // 0 }}', 'TEMPLATE_ERROR', 'division by zero'],
    ["{{ 1 + 'a' }}", 'TEMPLATE_ERROR', 'int and str'],
    ['{% include "x" %}', 'TEMPLATE_ERROR', 'cannot load'],
    ["{{ ''.constructor('x') }}", 'TEMPLATE_FORBIDDEN', 'closed to templates'],
    ['{{ range(10 ** 9) }}', 'TEMPLATE_FORBIDDEN', 'too much'],
    ['{{ range }}', 'TEMPLATE_ERROR', 'function'],
    ['{% set vars.x = 1 %}', 'TEMPLATE_ERROR', 'read-only'],
  ])('%s is %s', (source, code, message) => {
    const error = fault(() => render(source))
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)])
  })

  it('never changes its context, though a method may change what this evaluation sees', () => {
    expect(render('{{ fetch.items.append(3) or fetch.items }}')).toEqual([1, 2, 3])
    expect(fetched.items).toEqual([1, 2])
  })

  it('takes conditions with and without braces', () => {
    expect(evaluateCondition("{{ this.status == 'success' }}", context)).toBe(true)
    expect(evaluateCondition('vars.counter >= 10', context)).toBe(false)
    expect(evaluateCondition('not []', context)).toBe(true)
    expect(fault(() => evaluateCondition('vars.nope', context)).code).toBe('TEMPLATE_UNDEFINED')
    expect(fault(() => compileCondition('a }} b')).code).toBe('TEMPLATE_ERROR')
  })

  it('compiles a source once', () => {
    expect(compileTemplate('{{ 1 + 1 }}')).toBe(compileTemplate('{{ 1 + 1 }}'))
  })
})

describe('references', () => {
  it('lists roots and static members', () => {
    const { roots, members } = referencesOf({
      a: "{{ vars.a + vars['b'] + vars.get('c') }}",
      b: ['{{ result.x }} {{ {{'],
      c: '{% for x in workload %}{{ x }}{{ result.y }}{% endfor %}',
    })
    expect([...roots].sort()).toEqual(['result', 'vars', 'workload'])
    expect(members.get('vars')).toEqual(new Set(['a', 'b', 'c']))
    expect(members.get('result')).toEqual(new Set(['y']))
    expect(members.get('workload')).toBe('all')
  })
})

describe('splitTemplate', () => {
  it('gives texts and expressions in order', () => {
    const parts = splitTemplate('select {{ vars.counter }} from {{ "t" | sql }};')
    expect(parts.map((part) => (part.kind === 'text' ? part.text : part.source))).toEqual([
      'select ',
      '{{ vars.counter }}',
      ' from ',
      '{{ "t" | sql }}',
      ';',
    ])
    expect(parts.map((part) => part.kind === 'expression' && isMarkedSql(part.template))).toEqual([
      false,
      false,
      false,
      true,
      false,
    ])
    expect(fault(() => splitTemplate('{% if x %}{% endif %}')).code).toBe('TEMPLATE_ERROR')
  })
})

describe('toPlainContext', () => {
  it('is the context as one dict without env', () => {
    const plain = toPlainContext(layers)
    expect(plain).toMatchObject({
      counter: 5,
      item: 3,
      timeout: 30,
      fetch: fetched,
      results: { fetch: fetched },
      execution_id: '507861119290048685',
    })
    expect(plain).not.toHaveProperty('env')
  })
})

describe('properties', () => {
  it('a whole expression keeps its value and type', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = parseJson(JSON.stringify(value))
        expect(stringifyJson(renderTemplate('{{ vars.x }}', createContext({ vars: { x: json } })))).toBe(stringifyJson(json))
      }),
    )
  })

  it('only own properties are ever seen', () => {
    const inherited = Object.getOwnPropertyNames(Object.prototype).concat(
      Object.getOwnPropertyNames(Array.prototype),
      Object.getOwnPropertyNames(String.prototype),
    )
    for (const name of inherited.filter((candidate) => !Object.hasOwn(layers.vars, candidate))) {
      for (const target of ['vars', 'fetch.items', "'x'", 'vars.counter', '{}', 'range', 'namespace()']) {
        expect(renderTemplate(`{{ (${target})[name] is defined }}`, createContext({ ...layers, locals: { name } }))).toBe(false)
      }
    }
  })

  it('random templates end with a value or an error of the engine', () => {
    const piece = fc.constantFrom(
      '{{',
      '}}',
      '{%',
      '%}',
      ' if ',
      'vars',
      '.',
      'x',
      '(',
      ')',
      '[',
      ']',
      '|',
      'length',
      '+',
      '-',
      '1',
      "'a'",
      ' in ',
      ' for ',
      ' set ',
      '=',
      ',',
      ':',
      'endfor',
      ' is ',
      'defined',
      '~',
      '{#',
      '\\',
      'not ',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        try {
          renderTemplate(pieces.join(''), context)
        } catch (error) {
          expect(isTransientError(error)).toBe(true)
        }
      }),
      { numRuns: 3000 },
    )
  })
})
