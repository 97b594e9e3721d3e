import { chargeItems, chargeText, type Run } from '../run.js'
import { joinText } from './strings.js'

/** Splits at white space, at most `limit` times (all when negative), from either end. */
export function splitWords(run: Run, text: string, options: { readonly limit: number; readonly isFromRight: boolean }): string[] {
  chargeText(run, text.length)
  const trimmed = text.trim()
  if (trimmed === '') return []
  const pieces = trimmed.split(/(\s+)/)
  chargeItems(run, pieces.length)
  const words = pieces.length - pieces.length / 2 + 0.5
  if (options.limit < 0 || words - 1 < options.limit) return pieces.filter((_, index) => index % 2 === 0)
  const kept = options.limit * 2
  if (options.isFromRight) {
    // Only the end is stripped: what stays whole keeps the white space before it.
    const head = [text.slice(0, text.length - text.trimStart().length), ...pieces.slice(0, pieces.length - kept)]
    return [joinText(run, head, ''), ...pieces.slice(pieces.length - kept).filter((_, index) => index % 2 === 1)]
  }
  const tail = [...pieces.slice(kept), text.slice(text.trimEnd().length)]
  return [...pieces.slice(0, kept).filter((_, index) => index % 2 === 0), joinText(run, tail, '')]
}

const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g

/** Splits at line ends, as Python's `str.splitlines`. */
export function splitLines(run: Run, text: string, hasEnds: boolean): string[] {
  chargeText(run, text.length)
  const lines: string[] = []
  let from = 0
  for (const end of text.matchAll(LINE_END)) {
    chargeItems(run, 1)
    lines.push(text.slice(from, hasEnds ? end.index + end[0].length : end.index))
    from = end.index + end[0].length
  }
  if (from < text.length) lines.push(text.slice(from))
  return lines
}
