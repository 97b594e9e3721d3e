import { storableNumber } from '../../commit/record.js'
import { TransientError } from '../../core/errors.js'
import { isJsonNumber, isJsonObject, type JsonValue, numberText } from '../../core/json.js'
import { isStorableText } from '../../core/text.js'
import { FORBIDDEN_KEYS } from '../../playbook/names.js'

/** Deep enough for any document; shallow enough for the recursion of every parser on the way. */
const MAX_NESTING = 500

/**
 * Why the database cannot hold a value, or null. Every result, argument and element passes here: one that fails only in
 * SQL would leave its task to be tried for ever.
 */
export function unstorableReason(value: JsonValue, depth = 0): string | null {
  if (value === null || typeof value === 'boolean') return null
  if (typeof value === 'string') return textReason(value)
  if (isJsonNumber(value)) return numberReason(numberText(value))
  if (depth > MAX_NESTING) return `it is nested more than ${MAX_NESTING} levels deep`
  if (Array.isArray(value)) return firstReason(value, (item) => unstorableReason(item, depth + 1))
  return firstReason(Object.entries(value), ([key, item]) => textReason(key) ?? unstorableReason(item, depth + 1))
}

/** A key, however deep, that would reach an object's prototype, or null. Playbooks and variables refuse the same ones. */
export function forbiddenKey(value: JsonValue): string | null {
  if (Array.isArray(value)) return firstReason(value, forbiddenKey)
  if (!isJsonObject(value)) return null
  return firstReason(Object.entries(value), ([key, item]) => (FORBIDDEN_KEYS.has(key) ? key : forbiddenKey(item)))
}

/**
 * The value itself, once it is known that the database can hold it.
 * @throws TransientError TEMPLATE_ERROR that names `what`
 */
export function checkStorable<T extends JsonValue>(value: T, what: string): T {
  const reason = unstorableReason(value)
  if (reason === null) return value
  throw new TransientError('TEMPLATE_ERROR', `${what}: the value cannot be stored: ${reason}`)
}

function firstReason<T>(items: readonly T[], reasonOf: (item: T) => string | null): string | null {
  for (const item of items) {
    const reason = reasonOf(item)
    if (reason !== null) return reason
  }
  return null
}

function textReason(text: string): string | null {
  return isStorableText(text) ? null : 'a text holds a NUL character (\\u0000) or half a surrogate pair'
}

function numberReason(text: string): string | null {
  if (text.length < 300 && !/[eE]/.test(text)) return null
  try {
    storableNumber(text, 'it')
    return null
  } catch (error) {
    return error instanceof TransientError ? error.message.replace(/^it: /, '') : String(error)
  }
}
