import { chargeItems, type Run } from '../run.js'
import { strip } from '../values/case.js'
import { stringLength } from '../values/strings.js'

export interface WrapOptions {
  readonly width: number
  readonly isBreakingWords: boolean
  readonly isBreakingHyphens: boolean
}

/** A word, or the space between two words. */
interface Chunk {
  readonly text: string
  /** In characters, as Python counts them. */
  readonly length: number
}

/** One line as lines of at most `width` characters, as Python's textwrap does it without touching white space. */
export function wrapLine(run: Run, line: string, options: WrapOptions): string[] {
  const { width } = options
  const chunks = chunksOf(run, line, options).reverse()
  const lines: string[] = []
  while (chunks.length > 0) {
    chargeItems(run, 1)
    if (lines.length > 0 && isBlank(run, chunks.at(-1))) chunks.pop()
    const { taken, room } = takeWhatFits(chunks, width)
    const next = chunks.at(-1)
    if (next !== undefined && next.length > width) {
      if (options.isBreakingWords) taken.push(breakOff(run, chunks, { room, isBreakingHyphens: options.isBreakingHyphens }))
      else if (taken.length === 0) taken.push(chunks.pop() as Chunk)
    }
    // One chunk only, and it may be the empty beginning of a word: then the space before it stays, as it does in Python.
    if (isBlank(run, taken.at(-1))) taken.pop()
    if (taken.length > 0) lines.push(taken.map(({ text }) => text).join(''))
  }
  return lines
}

function isBlank(run: Run, chunk: Chunk | undefined): boolean {
  return chunk !== undefined && strip(run, chunk.text, { characters: null, side: 'both' }) === ''
}

function takeWhatFits(chunks: Chunk[], width: number): { readonly taken: Chunk[]; readonly room: number } {
  const taken: Chunk[] = []
  let room = width
  for (let next = chunks.at(-1); next !== undefined && next.length <= room; next = chunks.at(-1)) {
    taken.push(next)
    chunks.pop()
    room -= next.length
  }
  return { taken, room }
}

/** Takes what the room has of a word that is too long for any line: up to its last hyphen there, or all of it. */
function breakOff(run: Run, chunks: Chunk[], line: { readonly room: number; readonly isBreakingHyphens: boolean }): Chunk {
  const { text, length } = chunks.pop() as Chunk
  const head = text.length === length ? text.slice(0, line.room) : firstCharacters(text, line.room)
  const hyphen = line.isBreakingHyphens ? head.lastIndexOf('-') : -1
  const isAtHyphen = hyphen > 0 && /[^-]/.test(head.slice(0, hyphen))
  const taken = isAtHyphen ? head.slice(0, hyphen + 1) : head
  const count = isAtHyphen ? stringLength(run, taken) : line.room
  chunks.push({ text: text.slice(taken.length), length: length - count })
  return { text: taken, length: count }
}

function firstCharacters(text: string, count: number): string {
  let end = 0
  for (let taken = 0; taken < count; taken += 1) end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1
  return text.slice(0, end)
}

/** `wordsep_simple_re` and `wordsep_re` of textwrap.py, with Unicode's classes as Python's `re` has them. */
const WORDS = /[\t\n\v\f\r ]+|[^\t\n\v\f\r ]+/gu
const PARTS = hyphenated()

function hyphenated(): RegExp {
  const [space, other, word, letter] = ['[\\t\\n\\v\\f\\r ]', '[^\\t\\n\\v\\f\\r ]', '[\\p{L}\\p{N}_]', '[\\p{L}\\p{Nl}\\p{No}_]']
  const beforeDash = '(?<=[\\p{L}\\p{N}_!"\'&.,?])'
  const dash = `-{2,}(?=${word})`
  const hyphen = `-(?:(?<=${letter}{2}-)|(?<=${letter}-${letter}-))(?=${letter}-?${letter})`
  return new RegExp(`${space}+|${beforeDash}${dash}|${other}+?(?:${hyphen}|(?=${space}|$)|${beforeDash}(?=${dash}))`, 'gu')
}

/** Words and the space between them; words with hyphens in parts where that is allowed. Charged one by one. */
function chunksOf(run: Run, line: string, { isBreakingHyphens }: WrapOptions): Chunk[] {
  const chunks: Chunk[] = []
  for (const [text] of line.matchAll(isBreakingHyphens ? PARTS : WORDS)) {
    chargeItems(run, 1)
    chunks.push({ text, length: stringLength(run, text) })
  }
  return chunks
}
