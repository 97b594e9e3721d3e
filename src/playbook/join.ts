import type { Step } from './model.js'
import { describeKind, type Field, jsonOf, report, textOf } from './reader.js'
import { didYouMean } from './suggest.js'

const WORDS = ['all', 'any']

/** Reads `join: all | any | N`, how many branches must arrive before a step begins. */
export function readJoin(field: Field | null): Step['join'] {
  if (!field) return null
  const value = jsonOf(field.value)
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value
  const text = textOf(field.value)
  if (text === 'all') return 'all'
  if (text === 'any') return 1
  const found = text === null ? (typeof value === 'number' ? String(value) : describeKind(field.value)) : `"${text.slice(0, 60)}"`
  const hint = text === null ? '' : didYouMean(text, WORDS)
  report(field.value, `join must be all, any, or how many branches must arrive (an integer of at least 1), not ${found}${hint}`)
  return null
}
