/** In what of a shell's language something stands; `document`: a here-document. */
export type ShellPlace = 'word' | 'single quotes' | 'double quotes' | 'document' | 'quoted document' | 'arithmetic' | 'escaped'

/** A shell's text that grows at its end. */
export interface ShellText {
  add(text: string): void
  text(): string
  /** Where what is added next will stand. */
  place(): ShellPlace
}

/** What is open: the text itself, `$(`, `$((` or a backquote. */
interface Opened {
  readonly end: '' | ')' | '))' | '`'
  quote: '' | "'" | '"'
  /** Parentheses within it. */
  depth: number
}

interface HereDocument {
  readonly word: string
  readonly isQuoted: boolean
  /** `<<-`: tabs before the last line do not count. */
  readonly isIndented: boolean
}

const HERE_DOCUMENT = /<<(-?)[ \t]*(?:'([^']*)'|"([^"]*)"|(\\)?([^\s;|&<>()'"\\]+))/y
/** A hash begins a comment where a word could begin. */
const BEFORE_WORD = /[\s;|&()]/

/** Reads as a shell does, once over each character (POSIX.1-2017, Shell Command Language, 2.2 to 2.7). */
export function createShellText(): ShellText {
  const parts: string[] = []
  const opened: Opened[] = [{ end: '', quote: '', depth: 0 }]
  const here = () => opened.at(-1) as Opened
  /** Those that begin with the next line; once `line` is not null, those that are left, the first of them open. */
  const documents: HereDocument[] = []
  /** What there is of the present line of a here-document. */
  let line: string | null = null
  let isComment = false
  let isEscaped = false
  let before = ''

  /** Reads on to the end of a line of a here-document; answers where that is. */
  function readDocument(text: string, from: number): number {
    const [document] = documents
    const end = endOfLine(text, from)
    line += text.slice(from, end)
    if (end === text.length || document === undefined) return end
    const isLast = (document.isIndented ? line?.replace(/^\t+/, '') : line) === document.word
    if (isLast) documents.shift()
    line = documents.length > 0 ? '' : null
    return end
  }

  /** Reads what begins at a character outside of quotes, comments and here-documents; answers where it ends. */
  function readWord(text: string, at: number): number {
    const character = text[at] as string
    const current = here()
    if (character === '(') current.depth += 1
    else if (character === ')' && current.depth > 0) current.depth -= 1
    else if (character === ')' && current.end !== '' && text.startsWith(current.end, at)) {
      opened.pop()
      return at + current.end.length - 1
    } else if (current.end === '))') return at
    else if (character === '"' || character === "'") current.quote = character
    else if (character === '#' && (before === '' || BEFORE_WORD.test(before))) isComment = true
    else if (text.startsWith('<<<', at)) return at + 2
    else if (text.startsWith('<<', at)) {
      HERE_DOCUMENT.lastIndex = at
      const [whole = '<<', dash, single, double, backslash, bare] = HERE_DOCUMENT.exec(text) ?? []
      const word = single ?? double ?? bare
      const isQuoted = bare === undefined || backslash !== undefined
      if (word !== undefined) documents.push({ word, isQuoted, isIndented: dash === '-' })
      return at + whole.length - 1
    } else if (character === '\n' && documents.length > 0) line = ''
    return at
  }

  /** Answers the place of the last character that was read. */
  function read(text: string, at: number): number {
    const open = (end: Opened['end'], length: number) => {
      opened.push({ end, quote: '', depth: 0 })
      return at + length - 1
    }
    const current = here()
    const character = text[at]
    if (line !== null) return readDocument(text, at)
    if (isComment) {
      const end = endOfLine(text, at)
      isComment = end === text.length
      return end === text.length ? end : readWord(text, end)
    }
    if (isEscaped) isEscaped = false
    else if (current.quote === "'") current.quote = character === "'" ? '' : "'"
    else if (character === '\\') isEscaped = true
    else if (text.startsWith('$((', at)) return open('))', 3)
    else if (text.startsWith('$(', at)) return open(')', 2)
    else if (character === '`' && current.end === '`') opened.pop()
    else if (character === '`') return open('`', 1)
    else if (current.quote === '"') current.quote = character === '"' ? '' : '"'
    else return readWord(text, at)
    return at
  }

  return {
    add(text) {
      parts.push(text)
      for (let at = 0; at < text.length; at += 1) {
        at = read(text, at)
        before = text[Math.min(at, text.length - 1)] ?? ''
      }
    },
    text: () => parts.join(''),
    place() {
      const { quote, end } = here()
      if (line !== null) return documents[0]?.isQuoted ? 'quoted document' : 'document'
      if (isEscaped) return 'escaped'
      if (quote !== '') return quote === '"' ? 'double quotes' : 'single quotes'
      return end === '))' ? 'arithmetic' : 'word'
    },
  }
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end === -1 ? text.length : end
}
