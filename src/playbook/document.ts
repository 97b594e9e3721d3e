import { Composer, type CST, type Document, isMap, Lexer, type Node, Parser } from 'yaml'
import { errorMessage } from '../core/errors.js'
import { checkTree } from './lint.js'
import { createProblemLog, type ProblemLog } from './problems.js'
import type { Cursor, Source } from './reader.js'

const MAX_BYTES = 1024 * 1024
/** Of the parser's own stack, which also holds the document and the scalar in work. */
const MAX_STACK = 150

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
  const { tokens, deepAt } = tokenize(text)
  if (deepAt !== null) return fail('nested too deeply: at most 64 levels are read', deepAt)
  const documents = compose(tokens, text.length)
  if (typeof documents === 'string') return fail(`not valid YAML: ${documents}`)
  const [document, second] = documents
  if (second) log.add({ message: 'a second document: one file holds one playbook', path: '', offset: second.range[0] })
  if (!document) return fail('the playbook is empty')
  for (const fault of [...document.errors, ...document.warnings]) {
    log.add({ message: `not valid YAML: ${plainMessage(fault.message)}`, path: '', offset: fault.pos[0] })
  }
  if (log.hasErrors()) return { log, root: null }
  return startReading({ document, log, text, isRegistered })
}

interface Reading extends Pick<Source, 'log' | 'text' | 'isRegistered'> {
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

function tokenize(text: string): { tokens: CST.Token[]; deepAt: number | null } {
  const parser = new Parser()
  const tokens: CST.Token[] = []
  let read = 0
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme))
    read = parser.offset
    if (parser.stack.length > MAX_STACK) return { tokens, deepAt: read }
  }
  tokens.push(...parser.end())
  return { tokens, deepAt: null }
}

function compose(tokens: CST.Token[], end: number): Document.Parsed[] | string {
  try {
    const composer = new Composer({ version: '1.2', schema: 'core', uniqueKeys: false, logLevel: 'silent', prettyErrors: false })
    return [...composer.compose(tokens, true, end)]
  } catch (error) {
    return errorMessage(error)
  }
}

function plainMessage(message: string): string {
  return message.split('\n', 1)[0] ?? message
}
