import { isScalar, Schema } from 'yaml'
import { canonicalNumber, isJsonNumber, type JsonValue, LosslessNumber, toJsonNumber } from '../core/json.js'

const MAX_DIGITS = 1000
const LONGEST_AMBIGUOUS = 80

/** How everything begins that either version of YAML reads as other than text: most scalars are told apart by this alone. */
const MAY_BE_OTHER = /^(?:$|[-+.\d~<]|[nNtTfFyYoO])/
const PLAIN_INTEGER = /^(?:0|-?[1-9]\d*)$/
const EXACT_LENGTH = 15

/** Booleans by the letter of YAML 1.1, but text to its readers in use; names such as `n` and `y` are common. */
const SINGLE_LETTER = /^[yYnN]$/

/** The value of a plain scalar under the YAML 1.2 core schema; digits are kept. `undefined`: no JSON value (`.inf`). */
export function readPlain(text: string): JsonValue | undefined {
  if (!MAY_BE_OTHER.test(text)) return text
  if (text.length <= EXACT_LENGTH && PLAIN_INTEGER.test(text)) return Number(text)
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return null
  if (/^(?:true|True|TRUE)$/.test(text)) return true
  if (/^(?:false|False|FALSE)$/.test(text)) return false
  if (/^[-+]?(?:\.inf|\.Inf|\.INF)$|^(?:\.nan|\.NaN|\.NAN)$/.test(text)) return undefined
  if (/^0o[0-7]+$|^0x[0-9a-fA-F]+$/.test(text)) return toJsonNumber(String(BigInt(text)))
  if (/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(text)) return readDecimal(text)
  return text
}

/** JSON knows neither `+1`, `.5` nor `1.`; 012 is twelve. */
function readDecimal(text: string): JsonValue {
  const json = text
    .replace(/^\+/, '')
    .replace(/^(-?)\./, '$10.')
    .replace(/\.(?=$|[eE])/, '')
  return toJsonNumber(json.replace(/^(-?)0+(?=\d)/, '$1'))
}

/** A number as JavaScript has it, for checks and messages only: digits may be lost, and beyond its range it is infinite. */
export function approximate(value: number | LosslessNumber): number {
  return typeof value === 'number' ? value : Number(value.value)
}

/** Why a number cannot be kept, or null. */
export function numberFault(value: JsonValue): string | null {
  if (!(value instanceof LosslessNumber)) return null
  const canonical = canonicalNumber(value.value)
  if (/[eE]/.test(canonical)) return "the number's exponent is beyond those of a double (1.7976931348623157e308, 5e-324)"
  const digits = canonical.replace(/\D/g, '').length
  return digits > MAX_DIGITS ? `the number has ${digits} digits, the limit is ${MAX_DIGITS}` : null
}

/** What YAML 1.1 (PyYAML and others) makes of a plain scalar that YAML 1.2 reads otherwise; null when they agree. */
export function otherReading(text: string): { here: string; there: string } | null {
  if (text.length > LONGEST_AMBIGUOUS || !MAY_BE_OTHER.test(text) || PLAIN_INTEGER.test(text) || SINGLE_LETTER.test(text))
    return null
  const here = describe(readPlain(text))
  const there = readPlain11(text)
  return here === there ? null : { here, there }
}

function describe(value: JsonValue | undefined): string {
  if (value === undefined) return 'not a JSON value'
  if (value === null) return 'null'
  if (typeof value === 'string') return `the string "${value}"`
  if (typeof value === 'boolean') return `the boolean ${value}`
  return isJsonNumber(value) ? `the number ${approximate(value)}` : 'a collection'
}

const schema11 = new Schema({ schema: 'yaml-1.1' })

function readPlain11(text: string): string {
  if (text === '<<') return 'a merge of another mapping'
  for (const tag of schema11.tags) {
    if (!tag.default || tag.collection || !tag.test?.test(text)) continue
    const resolved: unknown = tag.resolve?.(text, () => undefined, { intAsBigInt: false })
    const value: unknown = isScalar(resolved) ? resolved.value : resolved
    if (value instanceof Date) return isDay(text) ? `the date ${text}` : `the time ${text}`
    if (value === null || typeof value === 'boolean') return describe(value)
    if (typeof value === 'number') return Number.isFinite(value) ? `the number ${value}` : 'not a JSON value'
  }
  return describe(text)
}

function isDay(text: string): boolean {
  return /^\d+-\d+-\d+$/.test(text)
}
