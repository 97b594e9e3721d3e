import { fail } from '../faults.js'
import type { CallArguments } from '../operations.js'
import { chargeSteps, type Run } from '../run.js'
import { item, member } from '../values/access.js'
import { joinText } from '../values/strings.js'
import { toRepr, toText } from '../values/text.js'
import type { Value } from '../values/values.js'
import { formatValue, parseSpec } from './spec.js'

const FIELD = /^([^.[!:]*)((?:\.[^.[!:]+|\[[^\]]*\])*)(?:!([rsa]))?(?::(.*))?$/s

/** Python's `text.format(...)`. Fields reach own data only. */
export function formatBraces(run: Run, text: string, given: CallArguments): string {
  const counter = { next: 0 }
  return expand(run, text, { given, counter, depth: 0 })
}

interface Expansion {
  readonly given: CallArguments
  readonly counter: { next: number }
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
    const found =
      attribute === undefined
        ? item(run, value, /^\d+$/.test(index ?? '') ? Number(index) : (index ?? ''))
        : member(run, value, attribute)
    value = found === undefined ? fail(`the format field "${source.slice(0, 40)}" is not there`) : found
  }
  const resolved = spec.includes('{') ? expand(run, spec, { ...expansion, depth: expansion.depth + 1 }) : spec
  const converted = conversion === undefined ? value : conversion === 's' ? toText(run, value) : toRepr(run, value)
  return formatValue(run, converted, parseSpec(resolved))
}

function argument(name: string, { given, counter }: Expansion): Value {
  if (name !== '' && !/^\d+$/.test(name)) return required(given.keywords.get(name), name)
  const index = name === '' ? counter.next++ : Number(name)
  return required(given.positional[index], index)
}

function required(value: Value | undefined, name: number | string): Value {
  return value === undefined ? fail(`the format needs the value ${name}`) : value
}
