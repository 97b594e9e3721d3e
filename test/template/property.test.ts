import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from '../../src/core/json.js'
import { within } from '../support/pace.js'
import { createRandom } from '../support/random.js'
import { type CorpusRow, differences } from './corpus.js'
import { expression } from './expressions.js'

/** More of them, and new ones: JINJA_EXPRESSIONS=20000; the same again: TEST_SEED. Without either, the same ones every time. */
const ASKED = process.env['JINJA_EXPRESSIONS']
const COUNT = Number(ASKED ?? 600)
const USUAL_SEED = 20_261_122
const ORACLE = new URL('../support/jinja-oracle.py', import.meta.url).pathname

/** Debian's python3-jinja2 belongs to /usr/bin/python3, which need not be the first on the path. */
function findPython(): string | null {
  const found = ['python3', '/usr/bin/python3'].find((python) => spawnSync(python, ['-c', 'import jinja2']).status === 0)
  if (found === undefined)
    console.warn('skipped: no python3 here has Jinja2 (Debian: python3-jinja2), so nothing is compared with it')
  return found ?? null
}

const python = findPython()

function ask(templates: readonly string[], context: JsonValue): { value: JsonValue; text: JsonValue }[] {
  const input = templates.map((template) => `${stringifyJson({ template, context })}\n`).join('')
  const { stdout, stderr, status } = spawnSync(python ?? '', [ORACLE], { input, maxBuffer: 2 ** 30, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  const [version, ...answers] = stdout.trimEnd().split('\n')
  console.info(`compared with Jinja2: ${version}`)
  return answers.map((answer) => JSON.parse(answer))
}

it.skipIf(python === null)(`${COUNT} random expressions give what Jinja2 gives`, { timeout: within(240_000) }, () => {
  const random = createRandom('random expressions', ASKED === undefined ? USUAL_SEED : undefined)
  const context = parseJson(readFileSync(new URL('cases-context.json', import.meta.url), 'utf8')) as JsonObject
  const templates = Array.from({ length: COUNT }, () => `{{ ${expression(random, 'any', 1 + Math.floor(random() * 4))} }}`)
  const answers = ask(templates, context)
  const rows = templates.map(
    (template, index): CorpusRow => ({
      id: String(index),
      category: '',
      template,
      context,
      ...(answers[index] as { value: JsonValue; text: JsonValue }),
    }),
  )
  const all = differences(rows).map(({ row, value, text }) => ({
    template: row.template,
    jinja: [row.value, row.text],
    ours: [value, text],
  }))
  // Known and in docs/templates.md: what exhausts a budget is an error here, and so is a slice that cannot be, which
  // Jinja2 takes for undefined when it can fold the constant. What takes Python more than two seconds is not known.
  const found = all.filter(
    ({ ours, jinja }) =>
      !/\(limit |cannot be sliced|slice: /.test(JSON.stringify(ours)) && !/TimeoutError/.test(JSON.stringify(jinja)),
  )
  console.info(`${all.length - found.length} expressions are over a limit, here or there, or slice what cannot be sliced`)
  expect((all.length - found.length) / COUNT).toBeLessThan(0.01)
  console.info(
    `${rows.length} expressions, ${rows.filter(({ value }) => !JSON.stringify(value).includes('"$error"')).length} of them with a value`,
  )
  expect(found.slice(0, 20)).toEqual([])
})
