import { isLosslessNumber, type JsonValue, stringifyJson } from '../core/json.js'

/** A piece of a response that is JSON text already. */
export class ResultText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Quotes, backslashes, control characters and lone halves of pairs need JSON.stringify; most texts have none. */
const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/

/** The JSON text of a leaf as a scalar serialises it, every digit kept. */
export function stringifyLeaf(value: unknown): string {
  if (typeof value === 'string') return value.length < 64 && !NEEDS_ESCAPE.test(value) ? `"${value}"` : JSON.stringify(value)
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null'
  return hasLosslessNumber(value) ? stringifyJson(value as JsonValue) : (JSON.stringify(value) ?? 'null')
}

/** Whether JSON.stringify would lose a digit. */
export function hasLosslessNumber(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (isLosslessNumber(value)) return true
  if (Array.isArray(value)) return value.some(hasLosslessNumber)
  return Object.values(value).some(hasLosslessNumber)
}
