import { fail, forbid } from '../faults.js'
import { chargeSteps, type Run } from '../run.js'
import { mappingGet } from '../values/access.js'
import { isFloat, requireNumeric, toDouble } from '../values/numbers.js'
import { joinText, repeat, stringLength, substring } from '../values/strings.js'
import { floatRepr, toAscii, toRepr, toText } from '../values/text.js'
import { isMapping, Sequence, Undefined, type Value } from '../values/values.js'
import { plainFloat } from './spec.js'

const DIRECTIVE = /%(?:\(([^()]*)\))?([-+ 0#]*)(\*|\d{1,10})?(?:\.(\*|\d{0,10}))?[hlL]?([a-zA-Z%]?)/g

interface Directive {
  readonly flags: string
  readonly width: number
  readonly precision: number | null
  readonly type: string
}

/** Python's `text % values`. */
export function formatPercent(run: Run, text: string, values: Value): string {
  const isTuple = values instanceof Sequence && values.kind === 'tuple'
  const list = isTuple ? values.items : [values]
  const parts: string[] = []
  let used = 0
  let from = 0
  const take = (): Value => {
    if (used >= list.length) return fail('not enough values for the format')
    used += 1
    return list[used - 1] as Value
  }
  chargeSteps(run, text.length / 16)
  for (const match of text.matchAll(DIRECTIVE)) {
    chargeSteps(run, 1)
    const [whole, key, flags = '', width, precision, type = ''] = match
    parts.push(text.slice(from, match.index))
    from = match.index + whole.length
    if (type === '%') {
      parts.push('%')
      continue
    }
    if (type === '') fail('the format ends inside a "%"')
    const size = (given: string | undefined): number =>
      given === '*' ? toDouble(requireNumeric(take(), '%*')) : Number(given ?? 0)
    const directive = { flags, width: size(width), precision: precision === undefined ? null : size(precision), type }
    parts.push(formatOne(run, key === undefined ? take() : named(run, values, key), directive))
  }
  if (isTuple ? used < list.length : used === 0 && !isMapping(values) && !Array.isArray(values) && !(values instanceof Undefined))
    fail('not all values are used by the format')
  parts.push(text.slice(from))
  return joinText(run, parts, '')
}

function named(run: Run, values: Value, key: string): Value {
  if (!isMapping(values)) return fail('the format needs a dict')
  const value = mappingGet(run, values, key)
  return value === undefined ? fail(`the format needs the key "${key}"`) : value
}

function formatOne(run: Run, value: Value, directive: Directive): string {
  const { flags, precision, type } = directive
  if (precision !== null && precision > 1000) forbid('a precision above 1000')
  if (type === 's' || type === 'r' || type === 'a') {
    const text = type === 's' ? toText(run, value) : type === 'r' ? toRepr(run, value) : toAscii(run, value)
    return padded(
      run,
      { sign: '', body: precision === null ? text : substring(run, text, 0, precision) },
      { ...directive, flags: flags.replace('0', '') },
    )
  }
  if (type === 'c')
    return padded(run, { sign: '', body: typeof value === 'string' ? value : String.fromCodePoint(code(value)) }, directive)
  const number = requireNumeric(value, `%${type}`)
  const double = toDouble(number)
  const sign = double < 0 || Object.is(double, -0) ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
  if ('diu'.includes(type)) {
    const body = isFloat(number) ? BigInt(Math.trunc(finite(double))).toString() : String(number)
    const isZero = body === '0' && sign === '-'
    return padded(run, { sign: isZero ? '' : sign, body: body.replace('-', '').padStart(precision ?? 0, '0') }, directive)
  }
  if ('xXo'.includes(type)) {
    if (isFloat(number)) return fail(`%${type} needs an integer`)
    const digits = BigInt(String(number).replace('-', '')).toString(type === 'o' ? 8 : 16)
    const prefix = flags.includes('#') ? `0${type}` : ''
    return padded(run, { sign: sign + prefix, body: type === 'X' ? digits.toUpperCase() : digits }, directive)
  }
  if (!'eEfFgG'.includes(type)) return fail(`"%${type}" is not a format`)
  if (!Number.isFinite(double))
    return padded(run, { sign, body: floatRepr(Math.abs(double)) }, { ...directive, flags: flags.replace('0', '') })
  const style = { type: type.toLowerCase(), precision: Math.min(100, precision ?? 6), isAlternate: flags.includes('#') }
  const body = plainFloat(Math.abs(double), style)
  return padded(run, { sign, body: type < 'a' ? body.toUpperCase() : body }, directive)
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : fail('infinity is not an integer')
}

function code(value: Value): number {
  const number = toDouble(requireNumeric(value, '%c'))
  return Number.isInteger(number) && number >= 0 && number <= 0x10ffff ? number : fail('%c needs a character')
}

function padded(run: Run, parts: { readonly sign: string; readonly body: string }, { flags, width }: Directive): string {
  const text = parts.sign + parts.body
  const missing = width - stringLength(run, text)
  if (missing <= 0) return text
  if (flags.includes('-')) return text + repeat(run, ' ', missing)
  return flags.includes('0') ? parts.sign + repeat(run, '0', missing) + parts.body : repeat(run, ' ', missing) + text
}
