import { fail } from '../faults.js'
import { type OperationTable, operation } from '../operations.js'
import { chargeSteps, chargeText, type Run } from '../run.js'
import { mappingEntries } from '../values/access.js'
import { isTrue } from '../values/compare.js'
import { requireInteger } from '../values/numbers.js'
import { joinText } from '../values/strings.js'
import { toText } from '../values/text.js'
import { isMapping, typeName, Undefined, type Value } from '../values/values.js'

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&#39;', '"': '&#34;' }
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' }

function escapeHtml(run: Run, text: string): string {
  chargeText(run, text.length)
  const result = text.replace(/[&<>'"]/g, (character) => ENTITIES[character] as string)
  chargeText(run, result.length - text.length)
  return result
}

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

/** Links in a text: addresses that start with a scheme or `www.`. One pass over the words. */
function urlize(run: Run, value: Value, args: readonly (Value | undefined)[]): string {
  const [limit, isNoFollow, target, rel] = args
  const size = limit === undefined || limit === null ? null : requireInteger(limit, 'urlize')
  const names = [
    'noopener',
    ...(isNoFollow !== undefined && isTrue(run, isNoFollow) ? ['nofollow'] : []),
    ...(typeof rel === 'string' ? rel.split(/\s+/) : []),
  ]
  const attributes = ` rel="${escapeHtml(run, [...new Set(names)].sort().join(' '))}"${typeof target === 'string' ? ` target="${escapeHtml(run, target)}"` : ''}`
  const words = escapeHtml(run, toText(run, value)).split(/(\s+)/)
  chargeSteps(run, words.length)
  const linked = words.map((word) => {
    const match = /^((?:[(]|&lt;)*)((?:https?:\/\/|www\.)\S+?)((?:[.,:;!?)]|&gt;)*)$/.exec(word.slice(0, 2048))
    if (match === null || word.length > 2048) return word
    const [, head, address = '', tail] = match
    const shown = size !== null && address.length > size ? `${address.slice(0, size)}...` : address
    return `${head}<a href="${address.startsWith('www.') ? 'https://' : ''}${address}"${attributes}>${shown}</a>${tail}`
  })
  return joinText(run, linked, '')
}

const escaped = operation([], (run, value) => escapeHtml(run, toText(run, value)))

/** Filters for HTML and XML. Nothing is escaped unless asked for. */
export const htmlFilters: OperationTable = {
  escape: escaped,
  e: escaped,
  forceescape: escaped,
  striptags: operation([], stripTags),
  xmlattr: operation(['autospace?'], xmlattr),
  urlize: operation(['trim_url_limit?', 'nofollow?', 'target?', 'rel?', 'extra_schemes?'], (run, value, ...args) =>
    urlize(run, value, args),
  ),
}
