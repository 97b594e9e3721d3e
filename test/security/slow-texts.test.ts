import { describe, expect, it } from 'vitest'
import { isTransientError } from '../../src/core/errors.js'
import { createContext, renderTemplate } from '../../src/template/index.js'
import { stringMethods } from '../../src/template/methods/string.js'
import { filters, tests } from '../../src/template/tables.js'
import { within } from '../support/pace.js'

/** Texts that make a careless expression try every end for every beginning. */
const PIECES = [
  '.',
  '(',
  ')',
  '<',
  '>',
  '&lt;',
  '&',
  ' ',
  '\n',
  '-',
  'a-',
  'a ',
  '0',
  '1',
  '{',
  '}',
  '[',
  '%',
  '"',
  'http://',
  'a@',
  '\\',
  '_',
  'é',
  '€',
  `${').'.repeat(1_020)} `,
  `www.${'a.'.repeat(1_020)} `,
]
const LENGTH = 50_000
const ENDS = ['', 'x', '1']
const ENOUGH_MS = within(500)
const ARGUMENTS: Readonly<Record<string, string>> = { replace: "('.', '')", split: "(' ')", format: '(1)' }

/** Milliseconds of the processor for a rendering, so that a busy machine tells no lie. A refusal is an answer, too. */
function timeOf(template: string, x: string): number {
  const context = createContext({ vars: { x } })
  const began = process.cpuUsage()
  try {
    renderTemplate(template, context)
  } catch (error) {
    if (!isTransientError(error)) throw error
  }
  return process.cpuUsage(began).user / 1_000
}

function slowest(template: string): { readonly ms: number; readonly piece: string } {
  let worst = { ms: 0, piece: '' }
  for (const piece of PIECES) {
    for (const end of ENDS) {
      const ms = timeOf(template, piece.repeat(LENGTH / piece.length) + end)
      if (ms > worst.ms) worst = { ms, piece: piece + end }
    }
  }
  return worst
}

describe('no text of 50,000 characters keeps a template busy', () => {
  it.each(Object.keys(filters))('the filter %s', (name) => {
    const { ms, piece } = slowest(`{{ vars.x | ${name}${ARGUMENTS[name] ?? ''} }}`)
    expect(ms, piece).toBeLessThan(ENOUGH_MS)
  })

  it.each(Object.keys(tests))('the test %s', (name) => {
    const { ms, piece } = slowest(`{{ vars.x is ${name} }}`)
    expect(ms, piece).toBeLessThan(ENOUGH_MS)
  })

  it.each(Object.keys(stringMethods))('the method %s', (name) => {
    const { ms, piece } = slowest(`{{ vars.x.${name}${ARGUMENTS[name] ?? '()'} }}`)
    expect(ms, piece).toBeLessThan(ENOUGH_MS)
  })
})
