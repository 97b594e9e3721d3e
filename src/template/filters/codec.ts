import { isLosslessNumber, type JsonValue, parseJson } from '../../core/json.js'
import { fail } from '../faults.js'
import { type OperationTable, operation } from '../operations.js'
import { chargeItems, chargeSteps, chargeText, deeper, type Run } from '../run.js'
import { dictFrom, iterate, listItems, mappingEntries } from '../values/access.js'
import { requireInteger, toNumeric } from '../values/numbers.js'
import { sortValues } from '../values/sorting.js'
import { joinText, repeat } from '../values/strings.js'
import { toRepr, toText } from '../values/text.js'
import { raiseUndefined } from '../values/undefined.js'
import { isList, isMapping, Sequence, tuple, typeName, Undefined, unwrap, type Value } from '../values/values.js'

/** Python's `json.dumps(sort_keys=True)` with `<`, `>`, `&` and `'` escaped, as Jinja2's `tojson` writes it. */
function writeJson(run: Run, given: Value, layout: { readonly indent: string | null; readonly depth: number }): string {
  const value = unwrap(given)
  if (value === null) return 'null'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value === 'string') return jsonText(run, value)
  if (isLosslessNumber(value)) return value.value
  if (toNumeric(value) !== null) return toRepr(run, value)
  if (value instanceof Undefined) return raiseUndefined(value)
  const inner = { ...layout, depth: layout.depth + 1 }
  if (isMapping(value)) {
    const entries = sortValues(
      run,
      mappingEntries(run, value).map(([key, entry]) => tuple(key, entry)),
      { key: (entry) => (entry as Sequence).items[0] as Value },
    )
    const parts = deeper(run, () =>
      entries.map((entry) => {
        const [key, item] = (entry as Sequence).items
        return `${jsonText(run, jsonKey(run, key as Value))}: ${writeJson(run, item as Value, inner)}`
      }),
    )
    return bracketed(run, parts, { open: '{', close: '}', ...layout })
  }
  if (!isList(value) && !(value instanceof Sequence && value.kind === 'tuple')) {
    return fail(`a ${typeName(value)} is not JSON${value instanceof Sequence ? ': make a list of it, with "| list"' : ''}`)
  }
  const items = isList(value) ? listItems(run, value) : iterate(run, value)
  chargeText(run, items.length * 8)
  return bracketed(
    run,
    deeper(run, () => items.map((item) => writeJson(run, item, inner))),
    { open: '[', close: ']', ...layout },
  )
}

function jsonKey(run: Run, key: Value): string {
  if (typeof key === 'string') return key
  if (key === null || typeof key === 'boolean') return String(key)
  return toNumeric(key) === null ? fail(`a ${typeName(key)} cannot be a key in JSON`) : toText(run, key)
}

function jsonText(run: Run, text: string): string {
  chargeText(run, text.length + 2)
  const plain = JSON.stringify(text)
  chargeText(run, plain.length - text.length)
  const escaped = plain.replace(/[<>&'\u007f-\uffff]/g, (character) => {
    chargeText(run, 5)
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return escaped.replaceAll('\\u007f', '\x7f')
}

interface Brackets {
  readonly open: string
  readonly close: string
  readonly indent: string | null
  readonly depth: number
}

function bracketed(run: Run, parts: readonly string[], { open, close, indent, depth }: Brackets): string {
  if (parts.length === 0) return open + close
  if (indent === null) return open + joinText(run, parts, ', ') + close
  const line = `\n${repeat(run, indent, depth + 1)}`
  return `${open}${line}${joinText(run, parts, `,${line}`)}\n${repeat(run, indent, depth)}${close}`
}

function tojson(run: Run, value: Value, indent: Value | undefined): Value {
  const unit =
    indent === undefined || indent === null
      ? null
      : typeof indent === 'string'
        ? indent
        : repeat(run, ' ', requireInteger(indent, 'tojson'))
  return writeJson(run, value, { indent: unit, depth: 0 })
}

function fromjson(run: Run, value: Value): Value {
  const text = typeof value === 'string' ? value : fail(`fromjson needs a text, not ${typeName(value)}`)
  chargeText(run, text.length * 2)
  chargeSteps(run, text.length / 4)
  if (nesting(text) > 50) return fail('fromjson: the text nests too deeply')
  let parsed: JsonValue
  try {
    parsed = parseJson(text)
  } catch {
    return fail('fromjson: the text is not JSON')
  }
  return parsed
}

function nesting(text: string): number {
  let depth = 0
  let deepest = 0
  for (const character of text) {
    if (character === '[' || character === '{') depth += 1
    else if (character === ']' || character === '}') depth -= 1
    deepest = Math.max(deepest, depth)
  }
  return deepest
}

function b64decode(run: Run, value: Value): Value {
  const text = toText(run, value)
  chargeText(run, text.length)
  if (!/^[\w+/-]*={0,2}\s*$/.test(text)) return fail('b64decode: the text is not base64')
  const bytes = Buffer.from(text, 'base64')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return fail('b64decode: the bytes are not UTF-8 text')
  }
}

function percentEncode(run: Run, value: Value, isQuery: boolean): string {
  const text = toText(run, value)
  chargeText(run, text.length * 3)
  const encoded = encodeURIComponent(Buffer.from(text).toString()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return isQuery ? encoded.replaceAll('%20', '+') : encoded.replaceAll('%2F', '/')
}

function pairOf(run: Run, value: Value): readonly [Value, Value] {
  const [key, item, ...more] = iterate(run, value)
  return key === undefined || item === undefined || more.length > 0 ? fail('urlencode needs pairs') : [key, item]
}

function urlencode(run: Run, value: Value): Value {
  if (typeof value === 'string' || (!isMapping(value) && !isList(value) && !(value instanceof Sequence)))
    return percentEncode(run, value, false)
  const pairs = isMapping(value) ? mappingEntries(run, value) : iterate(run, value).map((pair) => pairOf(run, pair))
  const parts = pairs.map(([key, item]) => `${percentEncode(run, key, true)}=${percentEncode(run, item, true)}`)
  return joinText(run, parts, '&')
}

/** A value whose dicts are in the order of their keys. */
function inOrder(run: Run, given: Value): Value {
  const value = unwrap(given)
  if (isList(value))
    return deeper(run, () => {
      chargeItems(run, value.length)
      return listItems(run, value).map((item) => inOrder(run, item))
    })
  if (!isMapping(value)) return value
  const entries = mappingEntries(run, value)
  const isText = entries.every(([key]) => typeof key === 'string')
  const sorted = isText
    ? sortValues(
        run,
        entries.map(([key, item]) => tuple(key, item)),
        { key: (entry) => (entry as Sequence).items[0] as Value },
      ).map((entry) => (entry as Sequence).items)
    : entries
  return deeper(run, () =>
    dictFrom(
      run,
      sorted.map(([key, item]) => [key as Value, inOrder(run, item as Value)] as const),
    ),
  )
}

/** Filters that write a value in another notation, or read it. */
export const codecFilters: OperationTable = {
  tojson: operation(['indent?'], tojson),
  fromjson: operation([], fromjson),
  b64encode: operation([], (run, value) => {
    const text = toText(run, value)
    chargeText(run, text.length * 2)
    return Buffer.from(text).toString('base64')
  }),
  b64decode: operation([], b64decode),
  urlencode: operation([], urlencode),
  pprint: operation([], (run, value) => toRepr(run, inOrder(run, value))),
}
