import fc from 'fast-check'
import { expect, it } from 'vitest'
import { bindStatements } from '../../src/tools/postgres/bind.js'
import { createLocate } from '../../src/tools/postgres/positions.js'

it('a place is that of its line and character, whatever characters stand before it', () => {
  const characters = fc.array(fc.constantFrom('a', '\n', '😀', 'é', '\r'), { maxLength: 40 })
  fc.assert(
    fc.property(characters, fc.nat(40), (all, count) => {
      const before = all.slice(0, count)
      const lines = before.join('').split('\n')
      const expected = { line: lines.length, column: 1 + [...(lines.at(-1) ?? '')].length }
      expect(createLocate(all.join(''))(before.join('').length)).toEqual(expected)
    }),
  )
})

it('SQL of 400,000 words takes time in proportion', () => {
  const timeOf = (words: number) => {
    const began = performance.now()
    const sql = `select 1${'+1'.repeat(words)}`
    bindStatements({ sql, origins: [{ at: 0, line: 1, column: 1, isFixed: false }], holes: [], params: new Map(), path: 'query' })
    return performance.now() - began
  }
  timeOf(10_000)
  // In proportion it is 10, as the square it would be 100.
  expect(timeOf(200_000) / timeOf(20_000)).toBeLessThan(40)
})
