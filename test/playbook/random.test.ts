// cspell:ignore bcdefghij
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Pair, parseDocument, visit } from 'yaml'
import { convertPlaybook } from '../../src/playbook/index.js'
import { TOOLS } from '../../src/tools/index.js'
import { within } from '../support/pace.js'
import { ROOT } from '../support/paths.js'
import { HEAD, parse } from './support.js'

const playbooksOf = (folder: string) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(join(ROOT, folder, name), 'utf8'))
const examples = [...playbooksOf('examples'), ...playbooksOf('test/conformance/playbooks')]

/** Never throws, says why it refuses, and points into the source. */
function expectSound(source: string): void {
  const { playbook, problems } = parse(source)
  const errors = problems.filter((problem) => problem.severity === 'error')
  expect(playbook === null).toBe(errors.length > 0)
  const lines = source.split('\n')
  for (const { line, column, message } of problems) {
    expect(message).not.toBe('')
    expect(line).toBeGreaterThanOrEqual(1)
    expect(line).toBeLessThanOrEqual(lines.length)
    expect(column).toBeGreaterThanOrEqual(1)
    expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1)
  }
}

const word = fc.constantFrom(
  ...[
    'step',
    'tool',
    'type',
    'kind',
    'loop',
    'vars',
    'next',
    'case',
    'when',
    'then',
    'else',
    'retry',
    'timeout',
    'task',
    'collection',
    'in',
  ],
  ...[
    'element',
    'iterator',
    'mode',
    'http',
    'python',
    'code',
    'args',
    'data',
    'before',
    'after',
    'a',
    'b',
    '__proto__',
    'on',
    'max_attempts',
  ],
  ...[
    'order_by',
    'limit',
    'auth',
    'params',
    'workbook',
    'name',
    'query',
    '{{ vars.a }}',
    '{{ vars.',
    '{% if %}',
    '',
    '<<',
    'end',
  ],
  ...[
    'arcs',
    'set',
    'input',
    'spec',
    'policy',
    'rules',
    'do',
    'to',
    'jump',
    'let',
    'noop',
    'shell',
    'keychain',
    'executor',
    'admit',
  ],
  ...['ctx.x', 'iter.x', '{{ output }}', '{{ keychain.a.b }}', 'output', 'cursor', 'script'],
)
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(word, fc.integer(), fc.double(), fc.boolean(), fc.constant(null)),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(word, tie('tree'), { maxKeys: 6 }),
  ),
}))

describe('bad input', () => {
  it('any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), expectSound), { numRuns: 250 })
  })

  it('any characters of YAML', () => {
    const unit = fc.constantFrom(...'{}[]:,-?&*!|>\'"%@`# \n\t\r\\~ab01.<'.split(''))
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 60 }), (text) => expectSound(text)),
      { numRuns: 400 },
    )
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 60 }), (text) => expectSound(`${HEAD}workflow:\n- step: a\n  vars: ${text}`)),
      { numRuns: 250 },
    )
  })

  it('any JSON made of the words of playbooks', () => {
    const playbook = (workflow: unknown) =>
      JSON.stringify({ apiVersion: 'noetl.io/v1', kind: 'Playbook', metadata: { name: 'x' }, workflow })
    fc.assert(
      fc.property(tree, (value) => expectSound(JSON.stringify(value) ?? '')),
      { numRuns: 250 },
    )
    fc.assert(
      fc.property(fc.array(tree, { maxLength: 3 }), (steps) => expectSound(playbook(steps))),
      { numRuns: 250 },
    )
    fc.assert(
      fc.property(fc.dictionary(word, tree), (step) => expectSound(playbook([{ step: 'a', ...step }]))),
      { numRuns: 400 },
    )
  })

  it('a playbook with a piece cut out, doubled or replaced', () => {
    const damage = fc.record({
      source: fc.constantFrom(...examples),
      from: fc.nat(3000),
      length: fc.nat(40),
      text: fc.oneof(fc.constant(''), word, fc.string({ maxLength: 5 })),
    })
    fc.assert(
      fc.property(damage, ({ source, from, length, text }) =>
        expectSound(source.slice(0, from) + text + source.slice(from + length)),
      ),
      { numRuns: 200 },
    )
  })
})

describe('what NoETL writes', () => {
  const plain = (value: unknown) => JSON.stringify(value, (key, entry) => (key === 'at' ? undefined : entry))

  it('with parts replaced is refused, or converted to what means the same', async () => {
    const change = fc.record({ at: fc.nat(), by: tree })
    const changed = fc.record({ source: fc.constantFrom(...examples), changes: fc.array(change, { maxLength: 3 }) })
    await fc.assert(
      fc.asyncProperty(changed, async ({ source, changes }) => {
        const document = parseDocument(source)
        for (const { at, by } of changes) {
          const places: Pair[] = []
          visit(document, { Pair: (_, pair) => void places.push(pair) })
          const place = places[at % places.length]
          if (place) place.value = document.createNode(by)
        }
        const text = String(document)
        expectSound(text)
        const { text: converted } = await convertPlaybook(text, { tools: TOOLS })
        if (converted !== null) expect(plain(parse(converted).playbook)).toBe(plain(parse(text).playbook))
      }),
      { numRuns: 300 },
    )
  })
})

describe('hostile input is refused fast', () => {
  const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefghij'
    .split('')
    .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[index]}`).join(', ')}]`)
    .join('\n')}\n`
  it.each<[string, string]>([
    ['a billion laughs', `${HEAD}workload:\n${bomb.replace(/^/gm, '  ')}\nworkflow: [{step: a}]`],
    ['an alias of itself', `${HEAD}workload: &a {x: *a}\nworkflow: [{step: a}]`],
    ['many aliases', `${HEAD}workload: {a: &a 1, l: [${'*a, '.repeat(200)}]}\nworkflow: [{step: a}]`],
    ['deep flow', '['.repeat(500_000)],
    ['deep blocks', '- '.repeat(250_000)],
    ['deep mappings', '{a: '.repeat(200_000)],
    ['deep below the limit of the parser', `a: ${'['.repeat(70)}${']'.repeat(70)}`],
    ['more than 1 MiB', `# ${'x'.repeat(1024 * 1024)}`],
  ])('%s', (_name, source) => {
    const start = performance.now()
    const { playbook, problems } = parse(source)
    expect(playbook).toBeNull()
    expect(problems.some((problem) => /deep|alias|limit/.test(problem.message))).toBe(true)
    expect(performance.now() - start).toBeLessThan(within(3000))
  })
})
