import { fail } from '../faults.js'
import { formatBraces } from '../format/braces.js'
import { type Operation, type OperationTable, operation, rawOperation } from '../operations.js'
import { chargeItems, chargeScan, chargeSteps, chargeText, type Run } from '../run.js'
import { iterate, listItems, mappingEntries } from '../values/access.js'
import { capitalize, expandTabs, isInCase, strip, swapCase, titleCase } from '../values/case.js'
import { requireInteger } from '../values/numbers.js'
import { indexIn, lastIndexIn } from '../values/search.js'
import { slice } from '../values/slices.js'
import { splitLines, splitWords } from '../values/split.js'
import { joinText, pad, replaceText, splitText, stringLength } from '../values/strings.js'
import { isList, isMapping, Sequence, tuple, typeName, type Value } from '../values/values.js'

function text(value: Value | undefined, name: string): string {
  return typeof value === 'string'
    ? value
    : fail(`${name} needs a text, not ${value === undefined ? 'nothing' : typeName(value)}`)
}

function count(value: Value | undefined, otherwise: number, name: string): number {
  return value === undefined ? otherwise : requireInteger(value, name)
}

/** A method without arguments that maps a text to a text. */
function mapped(change: (value: string, run: Run) => string): Operation {
  return operation([], (run, subject) => {
    chargeText(run, (subject as string).length)
    return change(subject as string, run)
  })
}

function predicate(test: (value: string, run: Run) => boolean): Operation {
  return operation([], (run, subject) => {
    chargeText(run, (subject as string).length)
    return test(subject as string, run)
  })
}

function stripping(side: 'both' | 'left' | 'right'): Operation {
  return operation(['chars?'], (run, subject, chars) =>
    strip(run, subject as string, { characters: chars === undefined || chars === null ? null : text(chars, 'strip'), side }),
  )
}

function affix(name: string, test: (value: string, part: string) => boolean): Operation {
  return operation(['prefix', 'start?', 'end?'], (run, subject, parts, start, end) => {
    const part = (subject as string).slice(count(start, 0, name), end === undefined ? undefined : requireInteger(end, name))
    const options = parts instanceof Sequence ? parts.items : [parts]
    chargeSteps(run, options.length / 8)
    return options.some((option) => {
      const affixed = text(option, name)
      chargeScan(run, affixed.length <= part.length ? affixed.length : 0)
      return test(part, affixed)
    })
  })
}

function find(name: string, search: typeof indexIn, isRequired: boolean): Operation {
  return operation(['sub', 'start?', 'end?'], (run, subject, part, start, end) => {
    const value = subject as string
    const from = Math.max(0, count(start, 0, name) < 0 ? value.length + count(start, 0, name) : count(start, 0, name))
    const at = search(run, value.slice(from, end === undefined ? undefined : requireInteger(end, name)), text(part, name))
    if (at < 0) return isRequired ? fail(`${name}: the text is not there`) : -1
    return stringLength(run, value.slice(0, from + at))
  })
}

function filling(name: string, sides: (missing: number, width: number) => readonly [number, number]): Operation {
  return operation(['width', 'fillchar?'], (run, subject, width, fill) => {
    const size = requireInteger(width as Value, name)
    const missing = size - stringLength(run, subject as string)
    if (missing <= 0) return subject
    const [left, right] = sides(missing, size)
    const filler = fill === undefined ? ' ' : text(fill, name)
    if (stringLength(run, filler) !== 1) return fail(`${name}: the fill must be one character`)
    return pad(run, subject as string, { left, right, fill: filler })
  })
}

function splitting(isFromRight: boolean): Operation {
  return operation(['sep?', 'maxsplit?'], (run, subject, separator, maximum) => {
    const limit = count(maximum, -1, 'split')
    if (separator === undefined || separator === null) return splitWords(run, subject as string, { limit, isFromRight })
    const part = text(separator, 'split')
    if (part === '') return fail('split: the separator is empty')
    const parts = splitText(run, subject as string, part, isFromRight ? -1 : limit)
    if (!isFromRight || limit < 0 || parts.length - 1 <= limit) return parts
    const head = parts.slice(0, parts.length - limit)
    return [joinText(run, head, part), ...parts.slice(parts.length - limit)]
  })
}

function partitioning(isFromRight: boolean): Operation {
  return operation(['sep'], (run, subject, separator) => {
    const value = subject as string
    const part = text(separator, 'partition')
    if (part === '') return fail('partition: the separator is empty')
    const at = isFromRight ? lastIndexIn(run, value, part) : indexIn(run, value, part)
    if (at < 0) return isFromRight ? tuple('', '', value) : tuple(value, '', '')
    return tuple(value.slice(0, at), part, value.slice(at + part.length))
  })
}

function join(run: Run, subject: Value, values: Value): string {
  const parts = isList(values) ? listItems(run, values) : iterate(run, values)
  chargeItems(run, parts.length)
  return joinText(
    run,
    parts.map((part) => text(part, 'join')),
    subject as string,
  )
}

function textKeys(run: Run, mapping: Value): Map<string, Value> {
  if (!isMapping(mapping)) return fail(`format_map needs a dict, not ${typeName(mapping)}`)
  return new Map(mappingEntries(run, mapping).flatMap(([key, value]) => (typeof key === 'string' ? [[key, value] as const] : [])))
}

const matches = (pattern: RegExp): Operation => predicate((value) => pattern.test(value))

/** Methods of texts, as in Python. */
export const stringMethods: OperationTable = {
  upper: mapped((value) => value.toUpperCase()),
  lower: mapped((value) => value.toLowerCase()),
  casefold: mapped((value) => value.toLowerCase().replaceAll('ß', 'ss')),
  capitalize: mapped(capitalize),
  title: mapped((value, run) => titleCase(run, value)),
  swapcase: mapped((value, run) => swapCase(run, value)),
  strip: stripping('both'),
  lstrip: stripping('left'),
  rstrip: stripping('right'),
  startswith: affix('startswith', (value, part) => value.startsWith(part)),
  endswith: affix('endswith', (value, part) => value.endsWith(part)),
  removeprefix: operation(['prefix'], (_, subject, part) =>
    (subject as string).startsWith(text(part, 'removeprefix')) ? (subject as string).slice(text(part, '').length) : subject,
  ),
  removesuffix: operation(['suffix'], (_, subject, part) => {
    const suffix = text(part, 'removesuffix')
    return suffix !== '' && (subject as string).endsWith(suffix) ? (subject as string).slice(0, -suffix.length) : subject
  }),
  find: find('find', indexIn, false),
  rfind: find('rfind', lastIndexIn, false),
  index: find('index', indexIn, true),
  rindex: find('rindex', lastIndexIn, true),
  count: operation(['sub', 'start?', 'end?'], (run, subject, part, start, end) => {
    const within = slice(run, subject, { start: start ?? null, stop: end ?? null, step: null }) as string
    const sought = text(part, 'count')
    return sought === '' ? stringLength(run, within) + 1 : splitText(run, within, sought, -1).length - 1
  }),
  replace: operation(['old', 'new', 'count?'], (run, subject, from, to, limit) =>
    replaceText(run, subject as string, {
      from: text(from, 'replace'),
      to: text(to, 'replace'),
      count: count(limit, -1, 'replace'),
    }),
  ),
  split: splitting(false),
  rsplit: splitting(true),
  splitlines: operation(['keepends?'], (run, subject, keep) => splitLines(run, subject as string, keep === true)),
  partition: partitioning(false),
  rpartition: partitioning(true),
  join: operation(['values'], (run, subject, values) => join(run, subject, values as Value)),
  format: rawOperation(['*', '**'], (run, subject, bound) => formatBraces(run, subject as string, bound)),
  format_map: operation(['mapping'], (run, subject, mapping) =>
    formatBraces(run, subject as string, { positional: [], keywords: textKeys(run, mapping as Value) }),
  ),
  zfill: operation(['width'], (run, subject, width) => {
    const value = subject as string
    const sign = /^[-+]/.test(value) ? value.charAt(0) : ''
    return (
      sign +
      pad(run, value.slice(sign.length), {
        left: requireInteger(width as Value, 'zfill') - stringLength(run, value),
        right: 0,
        fill: '0',
      })
    )
  }),
  center: filling('center', (missing, width) => {
    const left = Math.floor(missing / 2) + (missing & width & 1)
    return [left, missing - left]
  }),
  ljust: filling('ljust', (missing) => [0, missing]),
  rjust: filling('rjust', (missing) => [missing, 0]),
  expandtabs: operation(['tabsize?'], (run, subject, size) => expandTabs(run, subject as string, count(size, 8, 'expandtabs'))),
  isdigit: matches(/^[\p{Nd}²³¹⁰⁴-⁹₀-₉①-⑨]+$/u),
  isdecimal: matches(/^\p{Nd}+$/u),
  isnumeric: matches(/^\p{N}+$/u),
  isalpha: matches(/^\p{L}+$/u),
  isalnum: matches(/^[\p{L}\p{N}]+$/u),
  isspace: matches(/^\s+$/),
  isidentifier: matches(/^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*$/u),
  isascii: predicate((value) => !/[^\0-\x7f]/.test(value)),
  isprintable: predicate((value) => !/[\p{C}\p{Zl}\p{Zp}]/u.test(value)),
  islower: predicate((value, run) => isInCase(run, value, 'lower')),
  isupper: predicate((value, run) => isInCase(run, value, 'upper')),
  istitle: predicate((value, run) => value.toLowerCase() !== value.toUpperCase() && value === titleCase(run, value)),
}
