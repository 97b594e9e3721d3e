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
  if (stringLength(line) <= width) return [line.trimEnd()]
  const chunks = chunksOf(line, options)
  chargeItems(run, chunks.length)
  const lines: string[] = []
  let current = ''
  while (chunks.length > 0) {
    const chunk = chunks.shift() as string
    if (current.length + chunk.length <= width) {
      current += chunk
      continue
    }
    if (chunk.length > width && options.isBreakingWords) {
      const end = breakOf(chunk, width - current.length, options)
      current += chunk.slice(0, end)
      chunks.unshift(chunk.slice(end))
    } else if (current === '') {
      current = chunk
    } else {
      chunks.unshift(chunk)
    }
    chargeItems(run, 1 + chunks.length / 64)
    if (current.trimEnd() !== '') lines.push(current.trimEnd())
    current = ''
    if (chunks[0] !== undefined && chunks[0].trim() === '') chunks.shift()
  }
  if (current.trimEnd() !== '') lines.push(current.trimEnd())
  return lines
}

/** Where a word that is too long is cut: after its last hyphen in the room there is, else at the end of the room. */
function breakOf(chunk: string, room: number, { isBreakingHyphens }: WrapOptions): number {
  const hyphen = isBreakingHyphens && room > 0 ? chunk.lastIndexOf('-', room - 1) : -1
  return hyphen > 0 && /[^-]/.test(chunk.slice(0, hyphen)) ? hyphen + 1 : room
}

/** Words and the space between them; words with hyphens in parts where that is allowed. */
function chunksOf(line: string, { isBreakingHyphens }: WrapOptions): string[] {
  const words = line.split(/(\s+)/).filter((word) => word !== '')
  if (!isBreakingHyphens) return words
  return words.flatMap((word) => word.split(/(?<=[\p{L}\p{N}]{2}-)(?=\p{L}\p{L})/u))
}
