import { chargeItems, chargeScan, chargeText, type Run } from '../run.js'
import { createSearch } from './search.js'

/** Texts that are looked through for nothing. */
const SHORT = 64
const SURROGATE = /[\ud800-\udfff]/

/** Whether a text has as many characters as JavaScript's units, charged for looking. */
export function isPlain(run: Run, text: string): boolean {
  if (text.length < SHORT) return !SURROGATE.test(text)
  if (run.plainText === text) return true
  chargeScan(run, text.length)
  if (SURROGATE.test(text)) return false
  run.plainText = text
  return true
}

/** Python counts characters, JavaScript UTF-16 units; they differ only where there are surrogates. */
export function stringLength(run: Run, text: string): number {
  if (isPlain(run, text)) return text.length
  let count = 0
  for (const _ of text) count += 1
  return count
}

/** The characters of a text as a list. */
export function characters(run: Run, text: string): string[] {
  chargeItems(run, text.length)
  return Array.from(text)
}

/** The character at an index (negative: from the end), or undefined. */
export function characterAt(run: Run, text: string, index: number): string | undefined {
  if (isPlain(run, text)) return text.at(index) === undefined ? undefined : text.charAt(index < 0 ? text.length + index : index)
  return characters(run, text).at(index)
}

/** A part of a text, counted in characters. */
export function substring(run: Run, text: string, start: number, end: number): string {
  chargeText(run, 1)
  return isPlain(run, text) ? text.slice(start, end) : characters(run, text).slice(start, end).join('')
}

/** Python's order of texts: by code point. Looks at what both have in common, and no further. */
export function compareStrings(left: string, right: string): number {
  if (left === right) return 0
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index += 1) {
    const a = left.charCodeAt(index)
    const b = right.charCodeAt(index)
    if (a !== b) return isSurrogate(a) === isSurrogate(b) ? a - b : isSurrogate(a) ? 1 : -1
  }
  return left.length - right.length
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}

/** A text repeated, charged before it is made. */
export function repeat(run: Run, text: string, count: number): string {
  const times = Math.max(0, count)
  chargeText(run, text.length * times)
  return text.length === 0 ? '' : text.repeat(times)
}

/** A text filled up on the left and right. */
export function pad(
  run: Run,
  text: string,
  sides: { readonly left: number; readonly right: number; readonly fill: string },
): string {
  return repeat(run, sides.fill, sides.left) + text + repeat(run, sides.fill, sides.right)
}

/** Parts joined, charged before they are. */
export function joinText(run: Run, parts: readonly string[], separator: string): string {
  let length = separator.length * Math.max(0, parts.length - 1)
  for (const part of parts) length += part.length
  chargeText(run, length)
  return parts.join(separator)
}

/** Replaces the first `count` occurrences (all when negative), as Python's `str.replace`. */
export function replaceText(
  run: Run,
  text: string,
  change: { readonly from: string; readonly to: string; readonly count: number },
): string {
  const parts = change.from === '' ? ['', ...characters(run, text), ''] : splitText(run, text, change.from, -1)
  const limit = change.count < 0 ? parts.length - 1 : Math.min(change.count, parts.length - 1)
  const head = parts.slice(0, limit + 1)
  const tail = parts.slice(limit + 1)
  chargeText(run, text.length + change.to.length * limit)
  const separator = change.from
  return head.join(change.to) + (tail.length === 0 ? '' : separator + tail.join(separator))
}

/** Splits at a separator at most `limit` times (all when negative). */
export function splitText(run: Run, text: string, separator: string, limit: number): string[] {
  chargeText(run, text.length)
  const parts: string[] = []
  const search = createSearch(separator)
  let from = 0
  while (limit < 0 || parts.length < limit) {
    const at = search(text, from)
    if (at < 0) break
    chargeItems(run, 1)
    parts.push(text.slice(from, at))
    from = at + separator.length
  }
  parts.push(text.slice(from))
  return parts
}
