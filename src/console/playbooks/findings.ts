import { isJsonObject } from '../../core/json.js'
import type { ValidateQuery } from '../generated/graphql.js'

/** Something to say about a text, at a position that counts from 1. */
export interface Finding {
  readonly severity: 'error' | 'warning' | 'info'
  readonly message: string
  /** `workflow[2].vars.total`. */
  readonly path: string
  readonly line: number
  readonly column: number
}

/** What `validatePlaybook` found. */
export function findingsOf({ validatePlaybook }: ValidateQuery): Finding[] {
  return validatePlaybook.problems.map(({ severity, ...rest }) => ({
    ...rest,
    severity: severity === 'ERROR' ? 'error' : severity === 'WARNING' ? 'warning' : 'info',
  }))
}

/** What PLAYBOOK_INVALID lists. */
export function findingsIn(details: Readonly<Record<string, unknown>>): Finding[] {
  const listed = details['problems']
  if (!Array.isArray(listed)) return []
  return listed.filter(isJsonObject).map(({ severity, message, path, line, column }) => ({
    severity: severity === 'warning' || severity === 'info' ? severity : 'error',
    message: String(message),
    path: typeof path === 'string' ? path : '',
    line: Number(line),
    column: Number(column),
  }))
}
