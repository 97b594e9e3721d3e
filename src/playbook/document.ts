import { Composer, CST, type Document, isMap, Lexer, type Node, Parser } from 'yaml'
import { errorMessage } from '../core/errors.js'
import { checkTree } from './lint.js'
import { createProblemLog, type ProblemLog } from './problems.js'
import type { Cursor, Source } from './reader.js'
import { type FlowStart, findUnquoted, isTemplateStart } from './unquoted.js'

const MAX_BYTES = 1024 * 1024
/** What the lexer says before the text of a plain or block scalar. */
const SCALAR = CST.SCALAR
/** Of the parser's own stack, which also holds the document and the scalar in work. */
const MAX_STACK = 150
/** As many as problems are shown. */
const MAX_UNQUOTED = 200

export interface LoadedDocument {
  readonly log: ProblemLog
  /** null when the text is too damaged, or no mapping, to be read any further. */
  readonly root: Cursor | null
}

/** Reads YAML 1.2 (JSON included) into a tree with positions. Never throws: what is wrong is in the log. */
export function loadDocument(text: string, isRegistered: boolean): LoadedDocument {
  const log = createProblemLog(text)
  const fail = (message: string, offset = 0): LoadedDocument => {
    log.add({ message, path: '', offset })
    return { log, root: null }
  }
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_BYTES) return fail(`the playbook has ${bytes} bytes, the limit is ${MAX_BYTES}`)
  const { tokens, deepAt, starts } = tokenize(text)
  if (deepAt !== null) return fail('nested too deeply: at most 64 levels are read', deepAt)
  const documents = compose(tokens, text.length)
  if (typeof documents === 'string') return fail(`not valid YAML: ${documents}`)
  const [document, second] = documents
  if (second) log.add({ message: 'a second document: one file holds one playbook', path: '', offset: second.range[0] })
  if (!document) return fail('the playbook is empty')
  const unquoted = findUnquoted(text, starts)
  const first = unquoted[0]?.offset ?? Number.POSITIVE_INFINITY
  const faults = [...document.errors, ...document.warnings]
  // What YAML makes of the rest after a brace that was none is no news.
  for (const { message, pos } of faults.filter((fault) => fault.pos[0] < first))
    log.add({ message: faultMessage(message, { text, offset: pos[0] }), path: '', offset: pos[0] })
  for (const { offset, message } of unquoted) log.add({ message, path: '', offset })
  if (second || faults.length > 0 || unquoted.some((one) => !one.isWhole)) return { log, root: null }
  return startReading({ document, log, text, isRegistered, unquoted: new Map(unquoted.map((one) => [one.offset, one])) })
}

interface Reading extends Omit<Source, 'aliases'> {
  readonly document: Document.Parsed
}

function startReading({ document, ...given }: Reading): LoadedDocument {
  const { log, text } = given
  const root: Node | null = document.contents
  const offset = root?.range?.[0] ?? 0
  if (!isMap(root)) {
    const message = 'the playbook is not a mapping: it starts with apiVersion, kind, metadata and workflow'
    log.add({ message, path: '', offset: Math.min(offset, text.length) })
    return { log, root: null }
  }
  const source: Source = { ...given, aliases: new Map() }
  if (!checkTree(root, source)) return { log, root: null }
  return { log, root: { source, node: root, path: '', offset } }
}

interface Tokens {
  readonly tokens: CST.Token[]
  readonly deepAt: number | null
  /** Where a brace begins a mapping that can only be meant as a template. */
  readonly starts: readonly FlowStart[]
}

function tokenize(text: string): Tokens {
  const parser = new Parser()
  const tokens: CST.Token[] = []
  const starts: FlowStart[] = []
  let read = 0
  let isScalar = false
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === '{' && !isScalar && starts.length < MAX_UNQUOTED && isTemplateStart(text, read)) {
      starts.push({ offset: read, isInFlow: parser.stack.some((token) => token.type === 'flow-collection') })
    }
    isScalar = lexeme === SCALAR
    tokens.push(...parser.next(lexeme))
    read = parser.offset
    if (parser.stack.length > MAX_STACK) return { tokens, deepAt: read, starts }
  }
  tokens.push(...parser.end())
  return { tokens, deepAt: null, starts }
}

/** The first two documents at most: a second one is one too many. */
function compose(tokens: CST.Token[], end: number): Document.Parsed[] | string {
  try {
    const composer = new Composer({ version: '1.2', schema: 'core', uniqueKeys: false, logLevel: 'silent', prettyErrors: false })
    const documents: Document.Parsed[] = []
    for (const document of composer.compose(tokens, true, end)) {
      if (documents.push(document) === 2) break
    }
    return documents
  } catch (error) {
    return errorMessage(error)
  }
}

function faultMessage(message: string, { text, offset }: { text: string; offset: number }): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1).split('\n', 1)[0] ?? ''
  const hint = /\{[{%]/.test(line)
    ? ' (a value with a template in it stands in quotes, with the other kind of quotes inside)'
    : ''
  return `not valid YAML: ${message.split('\n', 1)[0] ?? message}${hint}`
}
