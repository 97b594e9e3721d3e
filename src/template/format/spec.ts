import { fail, forbid } from '../faults.js'
import type { Run } from '../run.js'
import { isFloat, toDouble, toNumeric } from '../values/numbers.js'
import { pad, stringLength, substring } from '../values/strings.js'
import { floatRepr } from '../values/text.js'
import { typeName, type Value } from '../values/values.js'

/** Python's format specification: `[[fill]align][sign][#][0][width][,][.precision][type]`. */
export interface FormatSpec {
  readonly fill: string
  readonly align: string
  readonly sign: string
  readonly isAlternate: boolean
  readonly width: number
  readonly grouping: string
  readonly precision: number | null
  readonly type: string
}

const SPEC = /^(?:(.)?([<>=^]))?([-+ ]?)(#?)(0?)(\d{0,10})([,_]?)(?:\.(\d{1,10}))?([bcdeEfFgGnosxX%]?)$/su
const MAX_PRECISION = 100
const INTEGER_TYPES = new Set(['b', 'c', 'd', 'o', 'x', 'X'])

export function parseSpec(text: string): FormatSpec {
  const match = SPEC.exec(text)
  if (match === null) return fail(`"${text}" is not a format`)
  const [, fill, align, sign = '', alternate, zero, width = '', grouping = '', precision, type = ''] = match
  return {
    fill: fill ?? (zero === '0' && align === undefined ? '0' : ' '),
    align: align ?? (zero === '0' ? '=' : ''),
    sign,
    isAlternate: alternate === '#',
    width: Number(width),
    grouping,
    precision: precision === undefined ? null : Number(precision),
    type,
  }
}

/** A value in a format, as Python's `format()`. */
export function formatValue(run: Run, value: Value, spec: FormatSpec): string {
  const number = toNumeric(value)
  if (number === null) {
    if (typeof value !== 'string') return fail(`a ${typeName(value)} takes no format; write !s before the colon`)
    if (spec.type !== '' && spec.type !== 's') return fail(`the format "${spec.type}" needs a number`)
    const cut = spec.precision === null ? value : substring(run, value, 0, spec.precision)
    return align(run, { sign: '', body: cut }, { ...spec, align: spec.align === '' ? '<' : spec.align })
  }
  if (spec.type === 's') return fail('the format "s" needs a text')
  if (isFloat(number) && INTEGER_TYPES.has(spec.type)) return fail(`the format "${spec.type}" needs an integer`)
  const double = toDouble(number)
  const isNegative = double < 0 || Object.is(double, -0)
  const sign = isNegative ? '-' : spec.sign === '-' ? '' : spec.sign
  const isInteger = !isFloat(number) && !'eEfFgG%'.includes(spec.type || 'd')
  const body = isInteger ? integerBody(String(number).replace('-', ''), spec) : floatBody(Math.abs(double), spec)
  return align(run, { sign, body }, { ...spec, align: spec.align === '' ? '>' : spec.align })
}

function integerBody(digits: string, spec: FormatSpec): string {
  if (spec.precision !== null) return fail('a precision does not go with an integer format')
  const bases: Readonly<Record<string, readonly [number, string]>> = { b: [2, '0b'], o: [8, '0o'], x: [16, '0x'], X: [16, '0X'] }
  if (spec.type === 'c') return String.fromCodePoint(Math.min(0x10ffff, Number(digits)))
  const base = Object.hasOwn(bases, spec.type) ? bases[spec.type] : undefined
  if (base === undefined) return group(digits, spec.grouping, 3)
  const text = BigInt(digits).toString(base[0])
  return (spec.isAlternate ? base[1] : '') + group(spec.type === 'X' ? text.toUpperCase() : text, spec.grouping, 4)
}

function floatBody(value: number, spec: FormatSpec): string {
  const { type, precision } = spec
  if (precision !== null && precision > MAX_PRECISION) return forbid(`a precision above ${MAX_PRECISION}`)
  if (!Number.isFinite(value)) return floatRepr(value)
  if (type === '' && precision === null) return grouped(floatRepr(value), spec.grouping)
  const text = plainFloat(value, { type, precision: precision ?? 6, isAlternate: spec.isAlternate })
  return grouped('EG'.includes(type) && type !== '' ? text.toUpperCase() : text, spec.grouping)
}

interface FloatStyle {
  readonly type: string
  readonly precision: number
  readonly isAlternate: boolean
}

/** A positive number in one of C's styles. */
export function plainFloat(value: number, { type, precision, isAlternate }: FloatStyle): string {
  if (type === '%') return `${fixed(value * 100, precision)}%`
  if (type === 'f' || type === 'F') return fixed(value, precision)
  if (type === 'e' || type === 'E') return exponent(value.toExponential(precision))
  const digits = precision === 0 ? 1 : precision
  const scale = value === 0 ? 0 : Number(value.toExponential(digits - 1).split('e')[1])
  const isPlain = scale >= -4 && scale < (type === '' ? Math.min(digits, 16) : digits)
  const text = isPlain ? fixed(value, Math.max(0, digits - 1 - scale)) : exponent(value.toExponential(digits - 1))
  if (isAlternate) return text
  const trimmed = text.replace(/\.?0+(?=e|$)/, (zeros) => (text.includes('.') ? '' : zeros))
  return type === '' && isPlain && !trimmed.includes('.') ? `${trimmed}.0` : trimmed
}

/** `toFixed` rounds the exact binary value, as Python does, but only below 1e21. */
function fixed(value: number, precision: number): string {
  if (value < 1e21) return halfEven(value, Math.min(100, precision))
  return BigInt(value).toString() + (precision > 0 ? `.${'0'.repeat(precision)}` : '')
}

/** `toFixed` rounds a tie up, Python to the even digit; only fractions of powers of two are ties. */
function halfEven(value: number, precision: number): string {
  const text = value.toFixed(precision)
  if (precision > 20 || !Number.isInteger(value * 2 ** (precision + 1))) return text
  const exact = value.toFixed(precision + 1)
  const isTie = exact.endsWith('5') && Number(exact) === value
  if (!isTie || Number(text.at(-1)) % 2 === 0) return text
  return exact.slice(0, precision === 0 ? -2 : -1)
}

function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

function grouped(text: string, separator: string): string {
  const match = /^(\d+)(.*)$/s.exec(text)
  return match === null ? text : group(match[1] as string, separator, 3) + match[2]
}

function group(digits: string, separator: string, size: number): string {
  if (separator === '') return digits
  const first = digits.length % size || size
  const groups = [digits.slice(0, first)]
  for (let at = first; at < digits.length; at += size) groups.push(digits.slice(at, at + size))
  return groups.join(separator)
}

function align(run: Run, parts: { readonly sign: string; readonly body: string }, spec: FormatSpec): string {
  const text = parts.sign + parts.body
  const missing = Math.max(0, spec.width - stringLength(run, text))
  if (missing === 0) return text
  const { fill } = spec
  if (spec.align === '<') return pad(run, text, { left: 0, right: missing, fill })
  if (spec.align === '^') return pad(run, text, { left: Math.floor(missing / 2), right: Math.ceil(missing / 2), fill })
  if (spec.align === '=') return parts.sign + pad(run, parts.body, { left: missing, right: 0, fill })
  return pad(run, text, { left: missing, right: 0, fill })
}
