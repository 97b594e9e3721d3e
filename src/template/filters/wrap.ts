import { chargeItems, type Run } from '../run.js'
import { stringLength } from '../values/strings.js'

export interface WrapOptions {
  readonly width: number
  readonly isBreakingWords: boolean
  readonly isBreakingHyphens: boolean
}

/** One line as lines of at most `width` characters, as Python's textwrap does it without touching white space. */
export function wrapLine(run: Run, line: string, options: WrapOptions): string[] {
  const { width } = options
  if (stringLength(run, line) <= width) return [line.trimEnd()]
  const chunks = chunksOf(run, line, options)
  const lines: string[] = []
  let current = ''
  let place = 0
  /** What is left of the chunk at the place, where a part of it is in a line already. */
  let rest: string | null = null
  while (place < chunks.length) {
    const chunk: string = rest ?? (chunks[place] as string)
    if (current.length + chunk.length <= width) {
      current += chunk
      place += 1
      rest = null
      continue
    }
    chargeItems(run, 1)
    if (chunk.length > width && options.isBreakingWords) {
      const end = breakOf(chunk, width - current.length, options)
      current += chunk.slice(0, end)
      rest = chunk.slice(end)
    } else if (current === '') {
      current = chunk
      place += 1
      rest = null
    }
    if (current.trimEnd() !== '') lines.push(current.trimEnd())
    current = ''
    if (place < chunks.length && (rest ?? (chunks[place] as string)).trim() === '') {
      place += 1
      rest = null
    }
  }
  if (current.trimEnd() !== '') lines.push(current.trimEnd())
  return lines
}

/** Where a word that is too long is cut: after its last hyphen in the room there is, else at the end of the room. */
function breakOf(chunk: string, room: number, { isBreakingHyphens }: WrapOptions): number {
  const hyphen = isBreakingHyphens && room > 0 ? chunk.slice(0, room).lastIndexOf('-') : -1
  return hyphen > 0 && /[^-]/.test(chunk.slice(0, hyphen)) ? hyphen + 1 : room
}

/** Words and the space between them; words with hyphens in parts where that is allowed. Charged one by one. */
function chunksOf(run: Run, line: string, { isBreakingHyphens }: WrapOptions): string[] {
  const chunks: string[] = []
  const add = (chunk: string) => {
    chargeItems(run, 1)
    chunks.push(chunk)
  }
  for (const [word] of line.matchAll(/\s+|\S+/g)) {
    if (!isBreakingHyphens || !word.includes('-')) add(word)
    else hyphenated(word, add)
  }
  return chunks
}

function hyphenated(word: string, add: (chunk: string) => void): void {
  let from = 0
  for (const { index } of word.matchAll(/(?<=[\p{L}\p{N}]{2}-)(?=\p{L}\p{L})/gu)) {
    if (index > from) add(word.slice(from, index))
    from = index
  }
  add(word.slice(from))
}
