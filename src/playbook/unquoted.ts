/** A template that stands without quotes where YAML reads its brace as the beginning of a mapping. */
export interface UnquotedTemplate {
  /** Where the brace stands. */
  readonly offset: number
  /** The value that was meant. */
  readonly text: string
  /** Whether YAML's mapping is that value and no more, so that the rest of the file can be read. */
  readonly isWhole: boolean
  readonly message: string
}

/** A `{` that begins a mapping for YAML. */
export interface FlowStart {
  readonly offset: number
  /** Whether it stands between brackets or braces, where commas end a value. */
  readonly isInFlow: boolean
}

const KEY = 'quote it: a key that begins with a brace is a mapping to YAML; keys are no templates, so write the name itself'
const CLOSING: Readonly<Record<string, string>> = { '{': '}}', '%': '%}', '#': '#}' }

/** Whether the text at a `{` that begins a mapping for YAML can only be a template. */
export function isTemplateStart(text: string, offset: number): boolean {
  return Object.hasOwn(CLOSING, text.charAt(offset + 1))
}

/** The values that were meant as templates, each with what to write instead. */
export function findUnquoted(text: string, starts: readonly FlowStart[]): UnquotedTemplate[] {
  const found: UnquotedTemplate[] = []
  let from = 0
  for (const start of starts) {
    if (start.offset < from) continue
    const end = endOf(text, start)
    found.push(describe(text, start, end))
    from = end
  }
  return found
}

/** The end of the value: of its line, or of its item between brackets; never inside a template. */
function endOf(text: string, { offset, isInFlow }: FlowStart): number {
  const stop = isInFlow ? /[,\]}\n]|\{[{%#]/g : /\n|\s#|\{[{%#]/g
  let end = offset
  while (end < text.length) {
    stop.lastIndex = end
    const match = stop.exec(text)
    if (match === null || !match[0].startsWith('{')) return match?.index ?? text.length
    const closing = CLOSING[match[0].charAt(1)] ?? ''
    const closed = text.indexOf(closing, match.index + 2)
    if (closed < 0) {
      const lineEnd = text.indexOf('\n', offset)
      return lineEnd < 0 ? text.length : lineEnd
    }
    end = closed + closing.length
  }
  return end
}

function describe(text: string, { offset, isInFlow }: FlowStart, end: number): UnquotedTemplate {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1
  const line = text.slice(lineStart, offset)
  const head = isInFlow ? (/[^\s[\]{},]*$/.exec(line)?.[0] ?? '') : ''
  const before = line.slice(0, line.length - head.length)
  const value = text
    .slice(offset - head.length, end)
    .replace(/\s+/g, ' ')
    .trim()
  const brace = text.slice(offset, offset + 2)
  if (isKey(before, value)) return { offset, text: value, isWhole: false, message: KEY }
  const isWhole = head === '' && value.endsWith('}}')
  const why =
    head === '' ? `a value that begins with ${brace} is a mapping to YAML` : `${brace} between brackets begins a mapping for YAML`
  const prefix = /(?:^|[\s[{,])([\w$.-]+: +|- +)$/.exec(before)?.[1] ?? ''
  return { offset, text: value, isWhole, message: `quote it: ${why}: ${prefix}${quoted(value)}` }
}

/** Where a key stands: at the beginning of a line or an item, after a brace or comma, or after `?`. */
function isKey(before: string, value: string): boolean {
  if (/^[\s-]*\?\s+$/.test(before)) return true
  return /^[\s-]*$|[{,]\s*$/.test(before) && /^\{[{%#][^\n]*?[}%#]\}\s*:(?:\s|$)/.test(value)
}

function quoted(value: string): string {
  return /["\\]/.test(value) ? `'${value.replaceAll("'", "''")}'` : `"${value}"`
}
