import { describe, expect, it } from 'vitest'
import { formatRows, printable } from '../../src/cli/output.js'

describe('what a terminal is given', () => {
  it.each([
    ['the title of the window', '\u001b]0;pwned\u0007', '\\u001b]0;pwned\\u0007'],
    ['the screen', '\u001b[2J\u001b[1;1H', '\\u001b[2J\\u001b[1;1H'],
    ['the same in one byte', '\u009b2J', '\\u009b2J'],
    ['the beginning of the line', 'failed\rcompleted', 'failed\\u000dcompleted'],
    ['what stands before it', 'failed\b\b\u007f', 'failed\\u0008\\u0008\\u007f'],
    ['the answerback', '\u0005\u001bZ', '\\u0005\\u001bZ'],
  ])('is not ordered to change %s', (_name, text, shown) => {
    expect(printable(text)).toBe(shown)
  })

  it('has its lines, tabs, letters and colours', () => {
    const text = 'a\tb\n\u001b[31mfailed\u001b[0m é 😀'
    expect(printable(text)).toBe(text)
  })

  it('is still JSON where it was', () => {
    const rows = [{ a: '\u001b[2J\u009b2J\u2028\u007f' }]
    expect(JSON.parse(printable(formatRows(rows, ['a'], 'jsonl')))).toEqual(rows[0])
  })
})
