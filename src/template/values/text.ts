import { isLosslessNumber } from '../../core/json.js'
import { chargeSteps, chargeText, deeper, type Run } from '../run.js'
import { iterate, listItems, mappingEntries } from './access.js'
import { toDouble, toNumeric } from './numbers.js'
import { joinText } from './strings.js'
import {
  Callable,
  type Float,
  Instance,
  isList,
  isMapping,
  Namespace,
  type Range,
  Sequence,
  Undefined,
  unwrap,
  type Value,
} from './values.js'

/** What Python's `str` gives: `True`, `None`, lists and dicts as they are written in Python. */
export function toText(run: Run, value: Value): string {
  if (typeof value === 'string') return value
  if (value instanceof Undefined) return ''
  return toRepr(run, value)
}

/** Python's `ascii()`: what is beyond ASCII is escaped. */
export function toAscii(run: Run, value: Value): string {
  return toRepr(run, value).replace(/[^\0-\x7f]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    const [mark, digits] = code < 0x100 ? ['x', 2] : code < 0x10000 ? ['u', 4] : ['U', 8]
    return `\\${mark}${code.toString(16).padStart(digits as number, '0')}`
  })
}

/** What Python's `repr` gives. */
export function toRepr(run: Run, value: Value): string {
  return repr(run, value, [])
}

function repr(run: Run, given: Value, parents: readonly Value[]): string {
  const value = unwrap(given)
  chargeSteps(run, 1)
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return quoted(run, value)
  if (isLosslessNumber(value)) return value.value
  const number = toNumeric(value)
  if (number !== null) return typeof number === 'bigint' ? String(number) : numberRepr(number)
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Sequence && value.range !== null) return rangeRepr(value.range)
  if (value instanceof Callable) return `<function ${value.name}>`
  if (value instanceof Instance) return `<${value.name}>`
  if (value instanceof Namespace) return `<Namespace ${mapRepr(run, [...value.values], parents)}>`
  chargeSteps(run, 4)
  if (parents.includes(value)) return isList(value) ? '[...]' : '{...}'
  return deeper(run, () => containerRepr(run, value, [...parents, value]))
}

function rangeRepr({ start, stop, step }: Range): string {
  return `range(${start}, ${stop}${step === 1 ? '' : `, ${step}`})`
}

function numberRepr(number: number | Float): string {
  return typeof number === 'number' && Number.isInteger(number) ? String(number) : floatRepr(toDouble(number))
}

function containerRepr(run: Run, value: Value, parents: readonly Value[]): string {
  if (isMapping(value)) return mapRepr(run, mappingEntries(run, value), parents)
  const items = isList(value) ? listItems(run, value) : iterate(run, value)
  chargeText(run, items.length * 8)
  const body = joinText(
    run,
    items.map((item) => repr(run, item, parents)),
    ', ',
  )
  if (isList(value)) return `[${body}]`
  if (!(value instanceof Sequence)) return body
  if (value.kind === 'tuple') return items.length === 1 ? `(${body},)` : `(${body})`
  return value.kind === 'generator' ? `[${body}]` : `${value.kind}([${body}])`
}

function mapRepr(run: Run, entries: readonly (readonly [Value, Value])[], parents: readonly Value[]): string {
  const parts = entries.map(([key, value]) => `${repr(run, key, parents)}: ${repr(run, value, parents)}`)
  return `{${joinText(run, parts, ', ')}}`
}

/** A float as Python prints it: the shortest digits, exponents below 1e-4 and from 1e16. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const [mantissa = '', exponentText = '0'] = value.toExponential().split('e')
  const exponent = Number(exponentText)
  if (exponent < -4 || exponent >= 16) {
    const sign = exponent < 0 ? '-' : '+'
    return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`
  }
  const isNegative = mantissa.startsWith('-')
  const digits = mantissa.replace('-', '').replace('.', '')
  const whole = exponent < 0 ? '0' : digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = exponent < 0 ? '0'.repeat(-exponent - 1) + digits : digits.slice(exponent + 1)
  return `${isNegative ? '-' : ''}${whole}.${fraction === '' ? '0' : fraction}`
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }
const UNPRINTABLE = /[\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]|(?! )\p{Zs}/gu

/** A text between quotes, as Python writes it. */
export function quoted(run: Run, text: string): string {
  chargeText(run, text.length + 2)
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replace(UNPRINTABLE, (character) => {
    const written = escapeOf(character)
    chargeText(run, written.length - character.length)
    return written
  })
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote
}

function escapeOf(character: string): string {
  if (Object.hasOwn(ESCAPES, character)) return ESCAPES[character] as string
  const code = character.codePointAt(0) ?? 0
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`
}
