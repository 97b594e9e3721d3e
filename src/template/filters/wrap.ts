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
      const room = Math.max(1, width - current.length)
      current += current.length < width ? chunk.slice(0, room) : ''
      chunks.unshift(chunk.slice(current.length <= width && current.endsWith(chunk.slice(0, room)) ? room : 0))
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

/** Words and the space between them; words with hyphens in parts where that is allowed. */
function chunksOf(line: string, { isBreakingHyphens }: WrapOptions): string[] {
  const words = line.split(/(\s+)/).filter((word) => word !== '')
  if (!isBreakingHyphens) return words
  return words.flatMap((word) => word.split(/(?<=[\p{L}\p{N}]{2}-)(?=\p{L}\p{L})/u))
}
