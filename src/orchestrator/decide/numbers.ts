import { TransientError } from '../../core/errors.js'
import { isJsonNumber, type JsonValue, numberText, stringifyJson } from '../../core/json.js'
import type { NumberRule } from '../../playbook/numbers.js'

const MAX_SHOWN = 40

/**
 * The number that a template gave, as its rule wants it.
 * @throws TransientError TEMPLATE_ERROR that says where, what is needed, and what came
 */
export function requireNumber(value: JsonValue, at: string, { what, accepts, takesDigits = false }: NumberRule): number {
  const text = isJsonNumber(value) ? numberText(value) : takesDigits && typeof value === 'string' ? value.trim() : ''
  const number = text === '' ? Number.NaN : Number(text)
  if (Number.isFinite(number) && accepts(number)) return number
  const json = stringifyJson(value)
  const shown = json.length > MAX_SHOWN ? `${json.slice(0, MAX_SHOWN)}...` : json
  throw new TransientError('TEMPLATE_ERROR', `${at}: ${at.slice(at.lastIndexOf('.') + 1)} must be ${what}, not ${shown}`)
}
