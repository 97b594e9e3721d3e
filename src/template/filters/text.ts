import { fail } from '../faults.js'
import { formatPercent } from '../format/percent.js'
import { type OperationTable, operation, rawOperation } from '../operations.js'
import { chargeSteps, chargeText, type Run } from '../run.js'
import { dictFrom, lengthOf } from '../values/access.js'
import { capitalize, replaceWords, strip } from '../values/case.js'
import { isTrue } from '../values/compare.js'
import { requireInteger } from '../values/numbers.js'
import { splitLines } from '../values/split.js'
import { joinText, pad, repeat, replaceText, stringLength, substring } from '../values/strings.js'
import { toText } from '../values/text.js'
import { raiseUndefined } from '../values/undefined.js'
import { Sequence, typeName, Undefined, type Value } from '../values/values.js'
import { wrapLine } from './wrap.js'

function changed(change: (text: string, run: Run) => string) {
  return operation([], (run, value) => {
    const text = toText(run, value)
    chargeText(run, text.length)
    return change(text, run)
  })
}

/** Jinja2's `title`: words start after a dash, a space or a bracket. */
function title(text: string, run: Run): string {
  return replaceWords(run, text, /[^-\s({[<]+/g, (word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
}

function requireText(value: Value, filter: string): string {
  if (value instanceof Undefined) return raiseUndefined(value)
  return typeof value === 'string' ? value : fail(`${filter} needs a text, not ${typeName(value)}`)
}

function indent(run: Run, value: Value, args: readonly (Value | undefined)[]): Value {
  const [width, first, blank] = args
  const prefix = typeof width === 'string' ? width : repeat(run, ' ', width === undefined ? 4 : requireInteger(width, 'indent'))
  const [start = '', ...lines] = splitLines(run, `${requireText(value, 'indent')}\n`, false)
  const isBlankToo = blank !== undefined && isTrue(run, blank)
  chargeText(run, prefix.length * (lines.length + 1))
  const rest = lines.map((line) => (line === '' && !isBlankToo ? line : prefix + line))
  const isFirstToo = first !== undefined && isTrue(run, first)
  return joinText(run, [isFirstToo ? prefix + start : start, ...rest], '\n')
}

function truncate(run: Run, value: Value, args: readonly (Value | undefined)[]): Value {
  const [size, isKilling, ending, slack] = args
  const count = lengthOf(run, value)
  const length = size === undefined ? 255 : requireInteger(size, 'truncate')
  const end = ending === undefined ? '...' : toText(run, ending)
  const leeway = slack === undefined || slack === null ? 5 : requireInteger(slack, 'truncate')
  const ended = stringLength(run, end)
  if (length < ended) return fail(`truncate: the length must be at least ${ended}`)
  if (count !== null && count <= length + leeway) return value
  const text = requireText(value, 'truncate')
  const cut = substring(run, text, 0, length - ended)
  if (isKilling !== undefined && isTrue(run, isKilling)) return cut + end
  const space = cut.lastIndexOf(' ')
  return (space < 0 ? cut : cut.slice(0, space)) + end
}

function wordwrap(run: Run, value: Value, args: readonly (Value | undefined)[]): Value {
  const [size, isBreaking, wrapstring, isBreakingHyphens] = args
  const options = {
    width: size === undefined ? 79 : requireInteger(size, 'wordwrap'),
    isBreakingWords: isBreaking === undefined || isTrue(run, isBreaking),
    isBreakingHyphens: isBreakingHyphens === undefined || isTrue(run, isBreakingHyphens),
  }
  if (options.width <= 0) return fail('wordwrap: the width must be above 0')
  const end = wrapstring === undefined || wrapstring === null ? '\n' : toText(run, wrapstring)
  const lines = splitLines(run, requireText(value, 'wordwrap'), false).map((line) =>
    joinText(run, wrapLine(run, line, options), end),
  )
  return joinText(run, lines, end)
}

function format(
  run: Run,
  value: Value,
  given: { readonly positional: readonly Value[]; readonly keywords: ReadonlyMap<string, Value> },
): Value {
  const isNamed = given.keywords.size > 0
  if (isNamed && given.positional.length > 0) return fail('format takes either positional or named values')
  return formatPercent(run, toText(run, value), isNamed ? dictFrom(run, given.keywords) : new Sequence('tuple', given.positional))
}

function center(run: Run, value: Value, width: Value | undefined): Value {
  const text = toText(run, value)
  const size = width === undefined ? 80 : requireInteger(width, 'center')
  const missing = size - stringLength(run, text)
  if (missing <= 0) return text
  const left = Math.floor(missing / 2) + (missing & size & 1)
  return pad(run, text, { left, right: missing - left, fill: ' ' })
}

/** Filters on texts. */
export const textFilters: OperationTable = {
  upper: changed((text) => text.toUpperCase()),
  lower: changed((text) => text.toLowerCase()),
  capitalize: changed(capitalize),
  title: changed(title),
  string: operation([], toText),
  safe: operation([], toText),
  sql: operation([], (_, value) => value),
  trim: operation(['chars?'], (run, value, chars) =>
    strip(run, toText(run, value), {
      characters: chars === undefined || chars === null ? null : toText(run, chars),
      side: 'both',
    }),
  ),
  replace: operation(['old', 'new', 'count?'], (run, value, from, to, count) =>
    replaceText(run, toText(run, value), {
      from: toText(run, from as Value),
      to: toText(run, to as Value),
      count: count === undefined || count === null ? -1 : requireInteger(count, 'replace'),
    }),
  ),
  center: operation(['width?'], center),
  indent: operation(['width?', 'first?', 'blank?'], (run, value, ...args) => indent(run, value, args)),
  truncate: operation(['length?', 'killwords?', 'end?', 'leeway?'], (run, value, ...args) => truncate(run, value, args)),
  wordwrap: operation(['width?', 'break_long_words?', 'wrapstring?', 'break_on_hyphens?'], (run, value, ...args) =>
    wordwrap(run, value, args),
  ),
  wordcount: operation([], (run, value) => {
    const text = toText(run, value)
    chargeText(run, text.length)
    let count = 0
    for (const _ of text.matchAll(/[\p{L}\p{N}_]+/gu)) {
      chargeSteps(run, 0.25)
      count += 1
    }
    return count
  }),
  format: rawOperation(['*', '**'], format),
}
