import { TransientError } from '../../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { isMarkedSql, splitTemplate, type Template, type TemplatePart } from '../../template/index.js'
import type { Renderer } from '../tool.js'
import { bindStatements, type Hole } from './bind.js'
import { createLocate, type Origin } from './positions.js'
import { HOLE } from './sql-lexer.js'
import { type Statement, statementToJson } from './statement.js'

export const WHOLE_COMMAND = 'a whole command from one template is refused; if its text can be trusted, mark it: {{ ... | sql }}'

/**
 * Renders SQL so that every template becomes a bound value; only what the filter `sql` marks becomes text.
 * @throws TransientError TEMPLATE_ERROR where no value can stand, TEMPLATE_FORBIDDEN for a whole command from a template
 */
export function renderPostgres(parameters: JsonObject, renderer: Renderer): JsonObject {
  const query = parameters.query ?? ''
  const params = paramsOf(renderer.tree(parameters.params ?? null, 'params'))
  const commands = (Array.isArray(query) ? query : [query]).map((command, index) => ({
    source: typeof command === 'string' ? command : '',
    path: Array.isArray(query) ? `query[${index}]` : 'query',
  }))
  return {
    statements: commands.flatMap((command) => renderCommand({ ...command, params, renderer }).map(statementToJson)),
    auth: renderer.tree(parameters.auth ?? null, 'auth'),
  }
}

function paramsOf(value: JsonValue): ReadonlyMap<string, JsonValue> {
  if (Array.isArray(value)) return new Map(value.map((item, index) => [String(index + 1), item]))
  if (isJsonObject(value)) return new Map(Object.entries(value))
  if (value === null) return new Map()
  throw new TransientError('TEMPLATE_ERROR', 'params: a mapping from names to values is needed')
}

interface Command {
  readonly source: string
  readonly path: string
  readonly params: ReadonlyMap<string, JsonValue>
  readonly renderer: Renderer
}

function renderCommand({ source, path, params, renderer }: Command): Statement[] {
  if (source.includes(HOLE)) throw new TransientError('TEMPLATE_ERROR', `${path}: SQL cannot hold the character U+0000`)
  const holes: Hole[] = []
  const origins: Origin[] = []
  let sql = ''
  const locate = createLocate(source)
  const pieces = splitTemplate(source)
  if (isWholeCommand(pieces)) throw new TransientError('TEMPLATE_FORBIDDEN', `${path}: ${WHOLE_COMMAND}`)
  for (const piece of pieces) {
    const isTrusted = piece.kind === 'expression' && isMarkedSql(piece.template)
    origins.push({ ...locate(piece.at), at: sql.length, isFixed: isTrusted })
    if (piece.kind === 'text') {
      sql += piece.text
      continue
    }
    if (isTrusted) sql += trustedText(piece.source, path, renderer)
    else {
      sql += HOLE
      holes.push(holeOf(piece, path, renderer))
    }
  }
  return bindStatements({ sql, origins, holes, params, path })
}

const COMMENTS = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g

/** Whether a command is nothing but templates that give values: nobody can tell what it would do. */
export function isWholeCommand(pieces: readonly TemplatePart[]): boolean {
  const isSql = (piece: TemplatePart) =>
    piece.kind === 'text' ? /[^\s;]/.test(piece.text.replace(COMMENTS, '')) : isMarkedSql(piece.template)
  return pieces.some((piece) => piece.kind === 'expression') && !pieces.some(isSql)
}

function trustedText(source: string, path: string, renderer: Renderer): string {
  const text = renderer.tree(source, path)
  if (typeof text === 'string' && !text.includes(HOLE)) return text
  throw new TransientError('TEMPLATE_ERROR', `${path}: ${source} gives no text of SQL`)
}

function holeOf({ source, template }: { source: string; template: Template }, path: string, renderer: Renderer): Hole {
  const written = (isQuoted: boolean) => (isQuoted ? withoutDoubling(source) : source)
  return {
    source,
    isJoined: template.outermostFilter === 'join',
    value: (isQuoted) => renderer.tree(written(isQuoted), path),
    // A letter before a template makes it mixed text, so that the engine's own rules turn its value into text.
    text: (isQuoted) => String(renderer.tree(`x${written(isQuoted)}`, path)).slice(1),
  }
}

const QUOTE = String.raw`(?:"'"|'\\''|"\\'")`
const TWO_QUOTES = String.raw`(?:"''"|'\\'\\''|"\\'\\'")`
const DOUBLING = new RegExp(String.raw`(?:\|\s*|\.)replace\(\s*${QUOTE}\s*,\s*${TWO_QUOTES}\s*\)`, 'g')

/** The value is bound, not pasted: quotes that an author doubles by hand, as NoETL needs it, would be stored doubled. */
function withoutDoubling(source: string): string {
  return source.replace(DOUBLING, '')
}
