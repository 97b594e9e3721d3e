import { describe, expect, it } from 'vitest'
import { createContext, renderTemplate } from '../../src/template/index.js'
import { within } from '../support/pace.js'
import { type CorpusRow, corpusContext, differences, outcome, readLines } from './corpus.js'

describe('the cases of Jinja2', () => {
  it('agree with Jinja2 on at least 98 % of the rows that may not differ', () => {
    const rows = readLines<CorpusRow>('corpus.jsonl').filter((row) => row.may_differ !== true)
    const found = differences(rows)
    const percentage = 100 * (1 - found.length / rows.length)
    console.info(
      `template corpus: ${percentage.toFixed(2)} % of ${rows.length} rows agree; differing: ${found.map(({ row }) => row.id).join(', ')}`,
    )
    expect(percentage).toBeGreaterThanOrEqual(98)
    expect(found.map(({ row }) => row.id)).toEqual(['t0856', 't1223', 't1231', 't1232', 't1387', 't1447'])
  })
})

describe('the hostile templates', () => {
  const attacks = [
    ...readLines<{ id: string; template: string; must: string }>('attacks.jsonl'),
    { id: 'deep parentheses', template: `{{ ${'('.repeat(5_000)}${')'.repeat(5_000)} }}`, must: 'bounded' },
    { id: 'many negations', template: `{{ ${'not '.repeat(20_000)}1 }}`, must: 'bounded' },
    { id: 'a long sum', template: `{{ 1${'+1'.repeat(60_000)} }}`, must: 'bounded' },
    { id: 'a long path', template: `{{ d${'.a'.repeat(40_000)} }}`, must: 'bounded' },
  ]

  it.each(attacks)('$id must: $must', ({ template, must }) => {
    const start = process.cpuUsage()
    const memory = process.memoryUsage().heapUsed
    const result = outcome(() => renderTemplate(template, corpusContext('CTX')))
    const cpuMs = (process.cpuUsage(start).user + process.cpuUsage(start).system) / 1000
    expect(Object.hasOwn(globalThis, 'PWN')).toBe(false)
    expect(({} as Record<string, unknown>)['PWNP']).toBeUndefined()
    if (must === 'error') expect(JSON.stringify(result)).toMatch(/\$(error|undefined)/)
    if (must === 'bounded') {
      expect(cpuMs).toBeLessThan(within(250))
      expect(process.memoryUsage().heapUsed - memory).toBeLessThan(64 * 1024 * 1024)
    }
  })

  it('change no prototype', () => {
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('PWNP')
    expect(createContext({}).lookup('constructor')).toBeUndefined()
  })
})
