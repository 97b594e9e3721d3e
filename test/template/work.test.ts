import { describe, expect, it } from 'vitest'
import { isTransientError } from '../../src/core/errors.js'
import type { JsonObject, JsonValue } from '../../src/core/json.js'
import { createContext, renderTemplate } from '../../src/template/index.js'
import { dictMethods } from '../../src/template/methods/dict.js'
import { listMethods } from '../../src/template/methods/list.js'
import { stringMethods } from '../../src/template/methods/string.js'
import type { OperationTable } from '../../src/template/operations.js'
import { createRun } from '../../src/template/run.js'
import { filters, tests } from '../../src/template/tables.js'
import { createSearch, lastIndexIn } from '../../src/template/values/search.js'
import { createRandom } from '../support/random.js'

/** Work, not waiting: how busy the machine is does not matter. The slowest of these took minutes where nothing was charged. */
const MOST_CPU_MS = 5000
const SIZE = 1_000_000
const repeated = (part: string) => part.repeat(SIZE / part.length)
const TEXTS = { words: repeated('hello wor '), sharp: repeated('ßΣé-a'), signs: repeated('<&\'"\t') }
const VARS: JsonObject = {
  ...TEXTS,
  table: Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, index])),
  long: Array.from({ length: 100_000 }, (_, index) => index),
  copies: Array.from({ length: 5000 }, () => TEXTS.words),
  early: `b${'a'.repeat(SIZE / 4)}`,
  late: `${'a'.repeat(SIZE / 4)}b`,
  as: repeated('a'),
  closing: repeated(`${')'.repeat(1999)} `),
  tabs: repeated('a\t'),
}

/** The clock stands still: what ends an evaluation is what it was charged. */
const context = createContext({ vars: VARS, evaluationLimits: { elapsedMs: () => 0, isLastTry: true } })

interface Ended {
  readonly outcome: string
  readonly cpuMs: number
}

function ended(template: string): Ended {
  const before = process.cpuUsage()
  let outcome = 'a value'
  try {
    renderTemplate(template, context)
  } catch (error) {
    if (!isTransientError(error)) throw error
    outcome = error.code
  }
  const { user, system } = process.cpuUsage(before)
  return { outcome, cpuMs: (user + system) / 1000 }
}

const ARGUMENTS: Readonly<Record<string, string>> = {
  ...{ batch: '3', slice: '3', groupby: "'a'", attr: "'a'", map: "'lower'", selectattr: "'a'", rejectattr: "'a'", format: '1' },
  ...{
    replace: "'q', 'r'",
    divisibleby: '3',
    startswith: "'hello'",
    endswith: "'wor '",
    find: "'q'",
    rfind: "'q'",
    index: "'q'",
  },
  ...{
    rindex: "'q'",
    count: "'q'",
    partition: "'q'",
    rpartition: "'q'",
    join: 'vars.long',
    removeprefix: "'h'",
    removesuffix: "'h'",
  },
  ...{
    center: '9',
    ljust: '9',
    rjust: '9',
    zfill: '9',
    format_map: '{}',
    in: 'vars.words',
    sameas: 'vars.words',
    insert: '0, 1',
  },
  ...{ append: '1', extend: '[1]', remove: '1', get: "'a'", pop: '', setdefault: "'a'", update: '{}', fromkeys: '[1]' },
}
const OTHER = /^(?:eq|ne|lt|le|gt|ge|equalto|lessthan|greaterthan)$/

function calls(table: OperationTable, write: (name: string, given: string) => string): string[] {
  const names = Object.keys(table).filter((name) => /^\w+$/.test(name))
  return names.map((name) => write(name, OTHER.test(name) ? 'vars.words' : (ARGUMENTS[name] ?? '')))
}

const ON_TEXT = (text: string) => [
  ...calls(filters, (name, given) => `vars.${text} | ${name}${given && name !== 'join' ? `(${given})` : ''}`),
  ...calls(tests, (name, given) => `vars.${text} is ${name}(${given})`),
  ...calls(stringMethods, (name, given) => `vars.${text}.${name}(${given})`),
  ...[
    `vars.${text}[5]`,
    `vars.${text}[-5:]`,
    `vars.${text} < 'i'`,
    `'q' in vars.${text}`,
    `{vars.${text}: 1}`,
    `{'a': 1}[vars.${text}]`,
  ],
  ...[`'%.1s' % vars.${text}`, `'{:.1}'.format(vars.${text})`, `vars.${text} == vars.words`, `vars.${text} and 1`],
]
const ON_DATA = [
  ...calls(dictMethods, (name, given) => `vars.table.${name}(${name === 'pop' ? "'x', 1" : given})`),
  ...calls(listMethods, (name, given) => `vars.long.${name}(${name === 'index' || name === 'count' ? '99999' : given})`),
  ...calls(filters, (name, given) => `vars.table | ${name}${given && name !== 'join' ? `(${given})` : ''}`),
  ...['vars.table and 1', 'not vars.table', 'vars.table | length', 'vars.table is mapping', 'vars.table == vars.table.copy()'],
]

describe('what an operation costs is charged, however often it is applied', () => {
  const loops = [...Object.keys(TEXTS).flatMap(ON_TEXT), ...ON_DATA]
  it.each([...new Set(loops)])('%s', { timeout: 120_000 }, (expression) => {
    const { outcome, cpuMs } = ended(`{% for i in range(2000) %}{% set x = ${expression} %}{% endfor %}`)
    expect(['a value', 'TEMPLATE_FORBIDDEN', 'TEMPLATE_ERROR', 'TEMPLATE_UNDEFINED']).toContain(outcome)
    expect(cpuMs).toBeLessThan(MOST_CPU_MS)
  })
})

describe('no single operation takes longer than its input', () => {
  it.each([
    ...['rfind', 'find', 'count', 'partition', 'rpartition', 'split', 'rsplit'].flatMap((name) => [
      `vars.as.${name}(vars.early)`,
      `vars.as.${name}(vars.late)`,
    ]),
    ...[
      'vars.early in vars.as',
      'vars.late in vars.as',
      "vars.as | replace(vars.early, 'x') | length",
      "vars.as.replace(vars.late, 'x')",
    ],
    ...[
      'vars.copies | sort',
      'vars.copies | unique',
      'vars.copies | max',
      "vars.copies | select('lower') | list",
      'vars.copies | groupby(0)',
    ],
    ...[
      'vars.closing | urlize',
      'vars.words | wordwrap(1)',
      'vars.words | wordwrap(30)',
      'vars.tabs.expandtabs(1)',
      'vars.words | title',
    ],
    ...[
      "vars.words.startswith((vars.words, 'x') * 5000)",
      "[1, 2] | map(attribute='a.' * 1000000) | list",
      "('9' * 900000 | fromjson) + 1",
    ],
    ...[
      "('z' * 4000) | int(0, 36)",
      "vars.words | default('') | trim('h')",
      'vars.table | tojson | length',
      'vars.signs | pprint | length',
    ],
  ])('%s', { timeout: 120_000 }, (expression) => {
    expect(ended(`{{ (${expression}) is defined }}`).cpuMs).toBeLessThan(MOST_CPU_MS)
  })

  it('what is asked often of one text or dict is counted once', () => {
    const text = '{% for i in range(20000) %}{{ vars.words[i % 9] }}{% endfor %}'
    expect(ended(text).outcome).toBe('a value')
    expect(ended('{% for i in range(20000) %}{{ "x" if vars.table and vars.words | length }}{% endfor %}').outcome).toBe(
      'a value',
    )
  })
})

describe('searches', () => {
  it('find what JavaScript finds, also with long parts', () => {
    const random = createRandom('searches')
    const integer = (least: number, most: number) => least + Math.floor(random() * (most - least + 1))
    const word = (length: number) => Array.from({ length }, () => 'ab'.charAt(integer(0, 1))).join('')
    for (let round = 0; round < 2000; round += 1) {
      const text = word(integer(0, 300))
      const start = integer(0, text.length)
      const part = integer(0, 1) === 0 ? text.slice(start, start + integer(65, 120)) : word(integer(65, 90))
      const from = integer(0, text.length)
      expect(createSearch(part)(text, from)).toBe(text.indexOf(part, from))
      expect(lastIndexIn(createRun(context), text, part)).toBe(text.lastIndexOf(part))
    }
  })
})

/** Forms of some 5,000 operators, and what they give where it is not an error. */
const OPERATORS: [expression: string, value?: JsonValue][] = [
  ...['+', '-', '*', '/', '//', '%', '~', ' and ', ' or '].map((operator): [string] => [`1${`${operator}1`.repeat(3000)}`]),
  ...['.a', '[0]', '[1:]', '()', '|d'].map((postfix): [string] => [`vars${postfix.repeat(4000)}`]),
  ...['not ', '-', '('].map((prefix): [string] => [`${prefix.repeat(4000)}1`]),
  [`1${' if 1'.repeat(2500)}`],
  [`1${' if 1 else 1'.repeat(1200)}`],
  [`0${'<1'.repeat(5000)}`, false],
  [`"${'a'.repeat(9)}"${' "a"'.repeat(3000)}`, 'a'.repeat(3009)],
  [`[${'1,'.repeat(5000)}]`, Array.from({ length: 5000 }, () => 1)],
]

describe('very long expressions', () => {
  it.each(OPERATORS)('%s', (expression, value) => {
    const given = () => renderTemplate(`{{ ${expression} }}`, context)
    if (value !== undefined) expect(given()).toEqual(value)
    else expect(given).toThrow(expect.objectContaining({ code: 'TEMPLATE_ERROR' }))
  })
})
