import { Composer, type CST, type Document, isMap, type Node } from 'yaml'
import { errorMessage } from '../core/errors.js'
import { checkTree } from './lint.js'
import { createProblemLog, type ProblemLog } from './problems.js'
import type { Cursor, Source } from './reader.js'
import { rewriteToday } from './today/index.js'
import { tokenize } from './tokens.js'
import { findUnquoted } from './unquoted.js'

const MAX_BYTES = 1024 * 1024
/** More than are shown. */
const MAX_FAULTS = 1000

export interface LoadedDocument {
  readonly log: ProblemLog
  /** null when the text is too damaged, or no mapping, to be read any further. */
  readonly root: Cursor | null
  /** As it is read: one in NoETL's present form is in this project's own then. */
  readonly document?: Document.Parsed
  readonly isToday?: boolean
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
  const { tokens, limit, starts } = tokenize(text)
  if (limit) return fail(limit.message, limit.offset)
  const documents = compose(tokens, text.length)
  if (typeof documents === 'string') return fail(`not valid YAML: ${documents}`)
  const [document, second] = documents
  if (second) log.add({ message: 'a second document: one file holds one playbook', path: '', offset: second.range[0] })
  if (!document) return fail('the playbook is empty')
  const unquoted = findUnquoted(text, starts)
  const first = unquoted[0]?.offset ?? Number.POSITIVE_INFINITY
  const faults = [...document.errors, ...document.warnings]
  // What YAML makes of the rest after a brace that was none is no news.
  for (const { message, pos } of faults.filter((fault) => fault.pos[0] < first).slice(0, MAX_FAULTS))
    log.add({ message: faultMessage(message, { text, offset: pos[0] }), path: '', offset: pos[0] })
  for (const { offset, message } of unquoted) log.add({ message, path: '', offset })
  if (second || faults.length > 0 || unquoted.some((one) => !one.isWhole)) return { log, root: null }
  return startReading({ document, log, text, isRegistered, unquoted: new Map(unquoted.map((one) => [one.offset, one])) })
}

interface Reading extends Omit<Source, 'aliases' | 'assignments' | 'forms'> {
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
  const source: Source = { ...given, aliases: new Map(), assignments: [], forms: [] }
  if (!checkTree(root, source)) return { log, root: null }
  const isToday = rewriteToday(root, source)
  return { log, root: { source, node: root, path: '', offset }, document, isToday }
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

/** How much of a line is looked at on either side of a fault. */
const NEAR = 200

function faultMessage(message: string, { text, offset }: { text: string; offset: number }): string {
  const before =
    text
      .slice(Math.max(0, offset - NEAR), offset)
      .split('\n')
      .at(-1) ?? ''
  const after = text.slice(offset, offset + NEAR).split('\n', 1)[0] ?? ''
  const hint = /\{[{%]/.test(before + after)
    ? ' (a value with a template in it stands in quotes, with the other kind of quotes inside)'
    : ''
  return `not valid YAML: ${message.split('\n', 1)[0] ?? message}${hint}`
}
