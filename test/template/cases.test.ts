import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { type JsonValue, parseJson } from '../../src/core/json.js'
import { type CorpusRow, differences } from './corpus.js'

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')

/** Our own cases, by family, with what Jinja2 3.1.6 gives (written by test/support/jinja-oracle.py). */
it('agrees with Jinja2 on every case of our own', () => {
  const context: JsonValue = parseJson(read('cases-context.json'))
  const rows = read('cases.jsonl')
    .trimEnd()
    .split('\n')
    .map((line, index): CorpusRow => ({ id: `line ${index + 1}`, category: '', context, ...JSON.parse(line) }))
  expect(rows.length).toBeGreaterThan(1300)
  expect(differences(rows).map(({ row, value, text }) => ({ template: row.template, expected: row.value, value, text }))).toEqual(
    [],
  )
})
