import { TransientError } from '../core/errors.js'
import { checkListed, type StringFilter } from '../core/filter.js'
import type { SqlParameter } from '../db/database.js'

/** A single one as an equation: an index that begins with the column gives the page in its order then. */
export function isOneOf(column: string, texts: readonly string[], bind: (parameter: SqlParameter) => string): string {
  const [only] = texts
  return texts.length === 1 && only !== undefined ? `${column} = ${bind(only)}::text` : `${column} = ANY(${bind(texts)}::text[])`
}

/** @throws TransientError VALIDATION */
export function pathConditions(path: StringFilter, bind: (parameter: SqlParameter) => string): string[] {
  checkListed(path.in, 'filter.path.in')
  const given = [path.eq, path.startsWith, path.contains, ...(path.in ?? [])]
  if (given.some((text) => text?.includes('\0'))) {
    throw new TransientError('VALIDATION', 'filter.path: a path holds no NUL character', { details: { field: 'filter.path' } })
  }
  const conditions: string[] = []
  if (typeof path.eq === 'string') conditions.push(`playbook_path = ${bind(path.eq)}::text`)
  if (path.in) conditions.push(isOneOf('playbook_path', path.in, bind))
  if (typeof path.startsWith === 'string') conditions.push(`starts_with(playbook_path, ${bind(path.startsWith)}::text)`)
  if (typeof path.contains === 'string') conditions.push(`strpos(playbook_path, ${bind(path.contains)}::text) > 0`)
  return conditions
}
