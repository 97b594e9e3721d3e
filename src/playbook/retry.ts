import { isJsonNumber, type JsonValue } from '../core/json.js'
import type { RetryRule } from './model.js'
import { checkKeys, describeKind, type Field, type Fields, fieldsOf, given, jsonOf, kindOf, report, reportKey } from './reader.js'
import { approximate } from './scalars.js'
import { conditionOf, numberOrTemplate } from './templates.js'

const RETRY_KEYS = ['max_attempts', 'initial_delay', 'backoff_multiplier', 'max_delay', 'when']
const MAX_SECONDS = 31_536_000

/** Reads `retry`; seconds become milliseconds. */
export function readRetry(fields: Fields): RetryRule | null {
  const field = given(fields, 'retry')
  if (!field) return null
  if (kindOf(field.value) !== 'mapping') {
    report(field.value, `retry must be a mapping, such as {max_attempts: 3, initial_delay: 1}, not ${describeKind(field.value)}`)
    return null
  }
  const own = fieldsOf(field.value)
  checkKeys(own, { known: RETRY_KEYS, of: 'retry' })
  if (!own.has('max_attempts') && [...own.keys()].every((key) => RETRY_KEYS.includes(key))) {
    reportKey(field, 'retry without max_attempts never tries again: its default is 1, the first try', 'warning')
  }
  const when = given(own, 'when')
  return {
    maxAttempts: number(own, { name: 'max_attempts', fallback: 1, least: 1, isInteger: true }),
    initialDelayMs: toMs(number(own, { name: 'initial_delay', fallback: 1, least: 0 })),
    backoffMultiplier: number(own, { name: 'backoff_multiplier', fallback: 2, least: 0 }),
    maxDelayMs: toMs(number(own, { name: 'max_delay', fallback: 60, least: 0 })),
    when: when ? conditionOf(when.value, 'retry.when') : null,
  }
}

interface NumberRule {
  readonly name: string
  readonly fallback: number
  readonly least: number
  readonly isInteger?: boolean
}

function number(fields: Fields, { name, fallback, least, isInteger = false }: NumberRule): number {
  const field = fields.get(name)
  if (!field) return fallback
  const value: JsonValue = jsonOf(field.value)
  const found = isJsonNumber(value) ? approximate(value) : Number.NaN
  if (found >= least && found <= MAX_SECONDS && (!isInteger || Number.isInteger(found))) return found
  const what = isInteger ? 'an integer' : 'a number'
  const shown = Number.isNaN(found) ? describeKind(field.value) : String(found)
  report(field.value, `retry.${name} must be ${what} of at least ${least}, not ${shown}`)
  return fallback
}

/** Fractions of a second are allowed; half a millisecond is not kept. */
function toMs(seconds: number): number {
  return Math.round(seconds * 1000)
}

/** Seconds above 0, or a template of them. */
export function readTimeout(field: Field | null): JsonValue | null {
  if (!field) return null
  return numberOrTemplate(field.value, {
    what: 'timeout must be a number of seconds above 0',
    accepts: (value) => value > 0 && value <= MAX_SECONDS,
  })
}
