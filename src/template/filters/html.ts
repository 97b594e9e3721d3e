import { fail } from '../faults.js'
import { type OperationTable, operation } from '../operations.js'
import { chargeSteps, chargeText, type Run } from '../run.js'
import { mappingEntries } from '../values/access.js'
import { isTrue } from '../values/compare.js'
import { joinText } from '../values/strings.js'
import { toText } from '../values/text.js'
import { isMapping, typeName, Undefined, type Value } from '../values/values.js'
import { escapeHtml } from './escape.js'
import { urlize } from './urlize.js'

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' }

function unescapeHtml(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|(\w{1,8}));/g,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return Object.hasOwn(NAMED, name) ? (NAMED[name] as string) : whole
      const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole
    },
  )
}

/** Takes tags and comments out in one pass, and makes one space of every run of white space. */
function stripTags(run: Run, value: Value): string {
  const text = toText(run, value)
  chargeText(run, text.length * 2)
  let result = ''
  let from = 0
  while (from < text.length) {
    const start = text.indexOf('<', from)
    const isComment = start >= 0 && text.startsWith('<!--', start)
    const end = start < 0 ? -1 : isComment ? text.indexOf('-->', start) : text.indexOf('>', start)
    if (end < 0) break
    chargeSteps(run, 1)
    result += text.slice(from, start)
    from = end + (isComment ? 3 : 1)
  }
  return unescapeHtml(
    (result + text.slice(from))
      .split(/\s+/)
      .filter((word) => word !== '')
      .join(' '),
  )
}

function xmlattr(run: Run, value: Value, isSpaced: Value | undefined): string {
  if (!isMapping(value)) return fail(`xmlattr needs a dict, not ${typeName(value)}`)
  const parts: string[] = []
  for (const [key, entry] of mappingEntries(run, value)) {
    if (entry === null || entry instanceof Undefined) continue
    const name = toText(run, key)
    if (/[\s/>=]/.test(name)) return fail(`xmlattr: "${name.slice(0, 40)}" is not the name of an attribute`)
    parts.push(`${escapeHtml(run, name)}="${escapeHtml(run, toText(run, entry))}"`)
  }
  const text = joinText(run, parts, ' ')
  return text !== '' && (isSpaced === undefined || isTrue(run, isSpaced)) ? ` ${text}` : text
}

const escaped = operation([], (run, value) => escapeHtml(run, toText(run, value)))

/** Filters for HTML and XML. Nothing is escaped unless asked for. */
export const htmlFilters: OperationTable = {
  escape: escaped,
  e: escaped,
  forceescape: escaped,
  striptags: operation([], stripTags),
  xmlattr: operation(['autospace?'], xmlattr),
  urlize,
}
