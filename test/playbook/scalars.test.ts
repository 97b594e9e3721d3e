import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isJsonNumber, numberText } from '../../src/core/json.js'
import { otherReading, readPlain } from '../../src/playbook/scalars.js'
import { ROOT } from '../support/paths.js'
import { problemsOf, workflow } from './support.js'

/** A plain scalar, what PyYAML 6.0.3 makes of it, and the value as Python prints it. */
type Row = readonly [
  text: string,
  kind: 'str' | 'int' | 'float' | 'bool' | 'null' | 'date' | 'error',
  value: string | boolean | null,
]

const rows = readFileSync(join(ROOT, 'test/playbook/scalars.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)

/** Whether YAML 1.2 gives the same value as PyYAML. */
function isSame([text, kind, value]: Row): boolean {
  const here = readPlain(text)
  if (kind === 'str') return here === text
  if (kind === 'int') return here !== undefined && isJsonNumber(here) && numberText(here) === value
  if (kind === 'float')
    return (
      here !== undefined && isJsonNumber(here) && Number(numberText(here)) === Number(String(value).replace('inf', 'Infinity'))
    )
  return kind === 'bool' || kind === 'null' ? here === value : false
}

describe('plain scalars beside PyYAML', () => {
  it.each(['str', 'int', 'float', 'bool', 'null', 'date', 'error'] as const)(
    '%s: says so exactly where the values differ',
    (kind) => {
      const ofKind = rows.filter((row) => row[1] === kind)
      expect(ofKind.length).toBeGreaterThan(kind === 'null' ? 3 : 15)
      const wrong = ofKind.filter((row) => readPlain(row[0]) !== undefined && (otherReading(row[0]) === null) !== isSame(row))
      expect(wrong).toEqual([])
    },
  )

  it('says which value PyYAML has', () => {
    const said = (text: string) => otherReading(text)?.there
    const integers = rows.filter((row) => row[1] === 'int' && !isSame(row))
    expect(integers.filter(([text, , value]) => said(text) !== `the number ${value}`)).toEqual([])
    const texts = rows.filter((row) => row[1] === 'str' && !isSame(row) && readPlain(row[0]) !== undefined)
    expect(texts.filter(([text]) => said(text) !== `the string "${text}"`)).toEqual([])
    expect(said('2025-02-30')).toBe('a date that does not exist')
    expect(said('0x_')).toBe('an error')
  })

  it('as a warning of the playbook, however long', () => {
    expect(problemsOf(workflow('- {step: a, vars: {x: 0899}}'))).toEqual([
      'warning 5:23 workflow[0].vars.x | 0899 is the number 899 here (YAML 1.2), but the string "0899" in YAML 1.1: quote it, or write it so that both agree',
    ])
    const long = `0${'7'.repeat(200)}`
    expect(problemsOf(workflow(`- {step: a, vars: {x: ${long}}}`))).toEqual([expect.stringMatching(/^warning .{1,300}$/)])
    for (const [text] of rows.filter((row) => row[1] === 'int')) {
      const other = otherReading(text)
      const found = problemsOf(workflow(`- step: a\n  vars:\n    x: ${text}`))
      expect([text, found.length]).toEqual([text, other === null ? 0 : 1])
    }
  })
})
