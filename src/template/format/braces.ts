import { fail } from '../faults.js'
import type { CallArguments } from '../operations.js'
import { chargeSteps, type Run } from '../run.js'
import { item } from '../values/access.js'
import { joinText } from '../values/strings.js'
import { toAscii, toRepr, toText } from '../values/text.js'
import type { Value } from '../values/values.js'
import { formatValue, parseSpec } from './spec.js'

const FIELD = /^([^.[!:]*)((?:\.[^.[!:]+|\[[^\]]*\])*)(?:!([rsa]))?(?::(.*))?$/s

/** Python's `text.format(...)`. Fields reach own data only. */
export function formatBraces(run: Run, text: string, given: CallArguments): string {
  const counter: Counter = { next: 0, isNumbered: null }
  return expand(run, text, { given, counter, depth: 0 })
}

interface Counter {
  next: number
  isNumbered: boolean | null
}

interface Expansion {
  readonly given: CallArguments
  readonly counter: Counter
  readonly depth: number
}

function expand(run: Run, text: string, expansion: Expansion): string {
  const parts: string[] = []
  let at = 0
  while (at < text.length) {
    const brace = text.slice(at).search(/[{}]/)
    chargeSteps(run, 1 + (text.length - at) / 256)
    const next = brace < 0 ? text.length : at + brace
    parts.push(text.slice(at, next))
    if (brace < 0) break
    if (text[next] === text[next + 1]) {
      parts.push(text.charAt(next))
      at = next + 2
      continue
    }
    if (text[next] === '}') fail('a single "}" in the format')
    const end = closing(text, next)
    parts.push(field(run, text.slice(next + 1, end), expansion))
    at = end + 1
  }
  return joinText(run, parts, '')
}

function closing(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === '{') depth += 1
    else if (text[at] === '}') depth -= 1
    if (depth === 0) return at
  }
  return fail('a single "{" in the format')
}

function field(run: Run, source: string, expansion: Expansion): string {
  const match = FIELD.exec(source)
  if (match === null || expansion.depth > 1) return fail(`"{${source.slice(0, 40)}}" is not a format field`)
  const [, name = '', path = '', conversion, spec = ''] = match
  let value = argument(name, expansion)
  for (const [, attribute, index] of path.matchAll(/\.([^.[]+)|\[([^\]]*)\]/g)) {
    // Python's attributes are not the data, and lead to code: a dict has none of its keys there either.
    if (attribute !== undefined) fail(`the format field "${source.slice(0, 40)}" reads an attribute: write [${attribute}]`)
    const found = item(run, value, /^\d+$/.test(index ?? '') ? Number(index) : (index ?? ''))
    value = found === undefined ? fail(`the format field "${source.slice(0, 40)}" is not there`) : found
  }
  const resolved = spec.includes('{') ? expand(run, spec, { ...expansion, depth: expansion.depth + 1 }) : spec
  const converted = conversion === undefined ? value : convert(run, conversion, value)
  return resolved === '' ? toText(run, converted) : formatValue(run, converted, parseSpec(resolved))
}

function convert(run: Run, conversion: string, value: Value): string {
  if (conversion === 's') return toText(run, value)
  return conversion === 'a' ? toAscii(run, value) : toRepr(run, value)
}

function argument(name: string, { given, counter }: Expansion): Value {
  if (name !== '' && !/^\d+$/.test(name)) return required(given.keywords.get(name), name)
  if (isMixed(counter, name)) fail('the format mixes numbered fields with fields without a number')
  const index = name === '' ? counter.next++ : Number(name)
  return required(given.positional[index], index)
}

function isMixed(counter: Counter, name: string): boolean {
  const isNumbered = name !== ''
  counter.isNumbered ??= isNumbered
  return counter.isNumbered !== isNumbered
}

function required(value: Value | undefined, name: number | string): Value {
  return value === undefined ? fail(`the format needs the value ${name}`) : value
}
