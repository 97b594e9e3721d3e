import type { JsonValue } from '../core/json.js'
import type { RetryRule } from './model.js'
import { RETRY_RULES, TIMEOUT_RULE } from './numbers.js'
import { checkKeys, describeKind, type Field, type Fields, fieldsOf, given, kindOf, report, reportKey } from './reader.js'
import { conditionOf, numberOrTemplate } from './templates.js'

export const RETRY_KEYS = Object.keys(RETRY_RULES)
const KEYS = [...RETRY_KEYS, 'when']

/** Reads `retry`. */
export function readRetry(fields: Fields): RetryRule | null {
  const field = given(fields, 'retry')
  if (!field) return null
  if (kindOf(field.value) !== 'mapping') {
    report(field.value, `retry must be a mapping, such as {max_attempts: 3, initial_delay: 1}, not ${describeKind(field.value)}`)
    return null
  }
  const own = fieldsOf(field.value)
  checkKeys(own, { known: KEYS, of: 'retry' })
  if (!own.has('max_attempts') && [...own.keys()].every((key) => KEYS.includes(key))) {
    reportKey(field, 'retry without max_attempts never tries again: its default is 1, the first try', 'warning')
  }
  const when = given(own, 'when')
  return { ...readRetryNumbers(own, 1), when: when ? conditionOf(when.value, 'retry.when') : null }
}

/** The numbers of a retry, of `retry` or of a rule. */
export function readRetryNumbers(fields: Fields, maxAttempts: number): Omit<RetryRule, 'when'> {
  return {
    maxAttempts: number(fields, 'max_attempts', maxAttempts),
    initialDelay: number(fields, 'initial_delay', 1),
    backoffMultiplier: number(fields, 'backoff_multiplier', 2),
    maxDelay: number(fields, 'max_delay', 60),
  }
}

function number(fields: Fields, name: keyof typeof RETRY_RULES, fallback: number): JsonValue {
  const field = fields.get(name)
  if (!field) return fallback
  return numberOrTemplate(field.value, `retry.${name}`, RETRY_RULES[name]) ?? fallback
}

/** Seconds above 0, or a template of them. */
export function readTimeout(field: Field | null): JsonValue | null {
  return field ? numberOrTemplate(field.value, 'timeout', TIMEOUT_RULE) : null
}
