import { canonicalNumber, isJsonNumber, type JsonValue, LosslessNumber, numberText, toJsonNumber } from '../core/json.js'

const MAX_DIGITS = 1000
const MAX_SHOWN = 60

/** How everything begins that either version of YAML reads as other than text: most scalars are told apart by this alone. */
const MAY_BE_OTHER = /^(?:$|[-+.\d~<=]|[nNtTfFyYoO])/
const PLAIN_INTEGER = /^(?:0|-?[1-9]\d*)$/
const EXACT_LENGTH = 15

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

/** What YAML 1.1, as PyYAML reads it, makes of a plain scalar that YAML 1.2 reads otherwise; null when they agree. */
export function otherReading(text: string): { here: string; there: string } | null {
  if (!MAY_BE_OTHER.test(text) || PLAIN_INTEGER.test(text)) return null
  const here = readPlain(text)
  const there = readPlain11(text)
  return isSameReading(here, there) ? null : { here: describe(here), there: describe11(there) }
}

/** A value of YAML 1.1 that JSON has, or what is said of one that it has not. */
type Value11 = JsonValue | bigint | { readonly said: string }

function isSameReading(here: JsonValue | undefined, there: Value11): boolean {
  if (here === undefined || !isJsonNumber(here)) return here === there
  if (typeof there === 'bigint') return numberText(here) === String(there)
  return typeof there === 'number' && approximate(here) === there
}

const BOOLEANS11 = new Map(
  ['yes true on', 'no false off'].flatMap((words, index) =>
    words.split(' ').flatMap((word) => {
      const forms = [word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()]
      return forms.map((form) => [form, index === 0] as const)
    }),
  ),
)
const INTEGER11 = /^([-+]?)(?:0b([01_]+)|0x([\da-fA-F_]+)|(0[0-7_]+)|([1-9][\d_]*(?::[0-5]?\d)+)|(0|[1-9][\d_]*))$/
const FLOAT11 = /^(?:[-+]?\d[\d_]*\.[\d_]*(?:[eE][-+]\d+)?|\.\d[\d_]*(?:[eE][-+]\d+)?|([-+]?\d[\d_]*(?::[0-5]?\d)+\.[\d_]*))$/
const DAY11 = /^(\d{4})-(\d\d)-(\d\d)$/
const TIME11 = /^(\d{4})-(\d\d?)-(\d\d?)(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?$/

function readPlain11(text: string): Value11 {
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return null
  const truth = BOOLEANS11.get(text)
  if (truth !== undefined) return truth
  if (text === '<<') return { said: 'a merge of another mapping' }
  if (text === '=') return { said: 'the mark of a default value' }
  const day = DAY11.exec(text)
  const time = day ?? TIME11.exec(text)
  if (time) return { said: isDate(time) ? `the ${day ? 'date' : 'time'} ${text}` : 'a date that does not exist' }
  const integer = INTEGER11.exec(text)
  if (integer) return readInteger11(integer)
  const float = FLOAT11.exec(text)
  if (!float) return text
  const digits = text.replaceAll('_', '')
  return float[1] === undefined ? Number(digits) : readSexagesimal11(digits)
}

function readInteger11([, sign, binary, hex, octal, base60, decimal]: RegExpExecArray): Value11 {
  const plain = (binary ?? hex ?? octal ?? base60 ?? decimal ?? '').replaceAll('_', '')
  if (plain === '') return { said: 'an error' }
  if (plain.length > MAX_DIGITS) return { said: `a number of ${plain.length} digits` }
  const prefix = binary !== undefined ? '0b' : hex !== undefined ? '0x' : octal !== undefined ? '0o' : ''
  const value = plain.split(':').reduce((total, part) => total * 60n + BigInt(prefix + part), 0n)
  return sign === '-' ? -value : value
}

function readSexagesimal11(text: string): number {
  const parts = text.replace(/^[-+]/, '').split(':')
  const value = parts.reduce((total, part) => total * 60 + Number(part), 0)
  return text.startsWith('-') ? -value : value
}

function isDate([, year, month, day, hour = '0', minute = '0', second = '0']: RegExpExecArray): boolean {
  const date = new Date(Date.UTC(2000, Number(month) - 1, Number(day)))
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  const isDay = Number(year) > 0 && date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)
  return isDay && Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60
}

function describe11(value: Value11): string {
  if (typeof value === 'bigint') return `the number ${shortened(String(value))}`
  return typeof value === 'object' && value !== null && 'said' in value ? String(value.said) : describe(value as JsonValue)
}

function describe(value: JsonValue | undefined): string {
  if (value === undefined) return 'not a JSON value'
  if (value === null) return 'null'
  if (typeof value === 'string') return `the string "${shortened(value)}"`
  if (typeof value === 'boolean') return `the boolean ${value}`
  return isJsonNumber(value) ? `the number ${approximate(value)}` : 'a collection'
}

function shortened(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text
}
