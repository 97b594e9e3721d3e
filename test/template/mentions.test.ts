import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compileTemplate, createContext, renderTemplate, sensitiveReads } from '../../src/template/index.js'
import { ROOT } from '../support/paths.js'

/** Every template that the engine is tested with. */
const TEMPLATES = readFileSync(join(ROOT, 'test/template/cases.jsonl'), 'utf8')
  .split('\n')
  .flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { template: string }).template]))

test('no template looks up a name that it does not mention', () => {
  const context = createContext(JSON.parse(readFileSync(join(ROOT, 'test/template/cases-context.json'), 'utf8')))
  let seen = 0
  for (const template of TEMPLATES) {
    const looked = new Set<string>()
    const watching = {
      ...context,
      lookup(name: string) {
        looked.add(name)
        return context.lookup(name)
      },
    }
    try {
      renderTemplate(template, watching)
    } catch {
      // What fails has looked names up, too.
    }
    if (looked.size === 0) continue
    const { roots } = compileTemplate(template).mentions
    expect([...looked].filter((name) => !roots.has(name)).map((name) => `${name} in ${template}`)).toEqual([])
    seen += 1
  }
  expect(seen).toBeGreaterThan(300)
})

const none: ReadonlySet<string> = new Set()
const layers = {
  locals: { item: 1, shadow: 1 },
  vars: { token: 't', shadow: 't', open: 1 },
  workload: { key: 'k', open: 1 },
  builtins: { payload: { key: 'k', open: 1 }, job: {} },
  sensitive: {
    locals: new Set(['item']),
    vars: new Set(['token', 'shadow']),
    steps: none,
    workload: new Set(['key']),
    builtins: none,
  },
}

test.each([
  ['{{ vars.token }}', ['vars.token']],
  ['{{ token }}', ['vars.token']],
  ["{{ vars['token'] }}", ['vars.token']],
  ["{{ vars.get('token', 1) }}", ['vars.token']],
  ['{{ vars.open | default(token) }}', ['vars.token']],
  ['{{ 1 if vars.open else workload.key }}', ['workload.key']],
  ['{{ vars[workload.open] }}', ['vars.*']],
  ["{{ vars | attr('token') }}", ['vars.*']],
  ['{% for name in vars %}{{ name }}{% endfor %}', ['vars.*']],
  ['{% set vars = {} %}{{ vars.token }}', ['vars.token']],
  ['{% macro m(token) %}{{ token }}{% endmacro %}{{ m(1) }}', ['vars.token']],
  ['{{ payload.key }}', ['workload.key']],
  ['{{ payload.open }}', []],
  ['{{ key }}', ['workload.key']],
  ['{{ item }}', ['item']],
  ['{{ shadow }}', []],
  ['{{ vars.open }} {{ open }} {{ job }} token {# token #}', []],
  ['{{ token', []],
])('%s reads %j', (template, reads) => {
  expect([...new Set(sensitiveReads({ nested: [template] }, layers))]).toEqual(reads)
})
