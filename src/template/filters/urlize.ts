import { type Operation, operation } from '../operations.js'
import { chargeScan, chargeSteps, type Run } from '../run.js'
import { iterate } from '../values/access.js'
import { isTrue } from '../values/compare.js'
import { requireInteger } from '../values/numbers.js'
import { joinText } from '../values/strings.js'
import { toText } from '../values/text.js'
import type { Value } from '../values/values.js'
import { escapeHtml } from './escape.js'

const MAX_WORD = 2048
const WEB =
  /^(?:(?:https?:\/\/|www\.)(?:[\w%-]+\.)*(?:[a-z]{2,63}|xn--[\w%]{2,59})|(?:[\w%-]{2,63}\.)+(?:com|net|int|edu|gov|org|info|mil)|https?:\/\/(?:\d{1,3}(?:\.\d{1,3}){3}|\[(?:[\da-f]{0,4}:){2}(?:[\da-f]{0,4}:?){1,6}\]))(?::\d{1,5})?(?:[/?#]\S*)?$/i
const MAIL = /^[^\s@]+@\w[\w.-]*\.\w+$/
const PAIRS = [
  ['(', ')'],
  ['<', '>'],
  ['&lt;', '&gt;'],
] as const

interface Links {
  readonly limit: number | null
  /** `rel` and `target` of every link. */
  readonly attributes: string
  readonly schemes: readonly string[]
}

interface Word {
  readonly head: string
  readonly middle: string
  readonly tail: string
}

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1
}

/** A word without the punctuation around it; brackets that the address opens itself stay with it. */
function undress(word: string): Word {
  const head = /^(?:[(<]|&lt;)+/.exec(word)?.[0] ?? ''
  let end = word.length
  while (end > head.length) {
    if (')>.,\n'.includes(word.charAt(end - 1))) end -= 1
    else if (end - 4 >= head.length && word.startsWith('&gt;', end - 4)) end -= 4
    else break
  }
  let middle = word.slice(head.length, end)
  let tail = word.slice(end)
  for (const [open, close] of PAIRS) {
    const opened = occurrences(middle, open)
    if (opened <= occurrences(middle, close)) continue
    let taken = 0
    for (let left = Math.min(opened, occurrences(tail, close)); left > 0; left -= 1) {
      taken = tail.indexOf(close, taken) + close.length
    }
    middle += tail.slice(0, taken)
    tail = tail.slice(taken)
  }
  return { head, middle, tail }
}

function link(text: string, { limit, attributes, schemes }: Links): string {
  if (WEB.test(text)) {
    const shown = limit !== null && text.length > limit ? `${text.slice(0, limit)}...` : text
    return `<a href="${/^https?:\/\//.test(text) ? '' : 'https://'}${text}"${attributes}>${shown}</a>`
  }
  if (text.startsWith('mailto:') && MAIL.test(text.slice(7))) return `<a href="${text}">${text.slice(7)}</a>`
  if (!text.startsWith('www.') && !text.includes(':') && MAIL.test(text)) return `<a href="mailto:${text}">${text}</a>`
  const isOther = schemes.some((scheme) => text !== scheme && text.startsWith(scheme))
  return isOther ? `<a href="${text}"${attributes}>${text}</a>` : text
}

function apply(run: Run, value: Value, args: readonly (Value | undefined)[]): string {
  const [limit, isNoFollow, target, rel, schemes] = args
  const names = [
    'noopener',
    ...(isNoFollow !== undefined && isTrue(run, isNoFollow) ? ['nofollow'] : []),
    ...(typeof rel === 'string' ? rel.split(/\s+/) : []),
  ]
  const relation = ` rel="${escapeHtml(run, [...new Set(names)].sort().join(' '))}"`
  const links: Links = {
    limit: limit === undefined || limit === null ? null : requireInteger(limit, 'urlize'),
    attributes: relation + (typeof target === 'string' ? ` target="${escapeHtml(run, target)}"` : ''),
    schemes: schemes === undefined || schemes === null ? [] : iterate(run, schemes).map((scheme) => toText(run, scheme)),
  }
  const text = escapeHtml(run, toText(run, value))
  chargeScan(run, text.length * 4)
  const words = text.split(/(\s+)/)
  chargeSteps(run, words.length * (4 + links.schemes.length))
  const linked = words.map((word) => {
    if (word.length > MAX_WORD) return word
    const { head, middle, tail } = undress(word)
    return head + link(middle, links) + tail
  })
  return joinText(run, linked, '')
}

/** Links in a text: addresses of the web, of mail, and of further schemes. */
export const urlize: Operation = operation(
  ['trim_url_limit?', 'nofollow?', 'target?', 'rel?', 'extra_schemes?'],
  (run, value, ...args) => apply(run, value, args),
)
