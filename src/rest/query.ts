import { TransientError } from '../core/errors.js'
import { VARIABLE_TYPES, type VariableType } from '../core/status.js'

/**
 * A whole number from the query or a header; undefined where it is absent.
 * @throws TransientError VALIDATION, naming the field
 */
export function wholeNumber(text: string | undefined, field: string, max = Number.MAX_SAFE_INTEGER): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d{1,16}$/.test(text) && value <= max) return value
  throw new TransientError('VALIDATION', `${field}: "${text.slice(0, 40)}" is not a whole number from 0 to ${max}`, {
    details: { field },
  })
}

/** The longest that a request may wait. */
const MAX_WAIT_SECONDS = 60

/** `30` or `30s`; 0 where it is absent. @throws TransientError VALIDATION */
export function waitSeconds(text: string | undefined): number {
  return wholeNumber(text?.replace(/^(\d+)s$/, '$1'), 'wait', MAX_WAIT_SECONDS) ?? 0
}

/** Values by comma, or undefined. */
export function commaList(text: string | undefined): string[] | undefined {
  return text?.split(',').flatMap((part) => part.trim() || [])
}

export function isVariableType(text: string): text is VariableType {
  return VARIABLE_TYPES.some((type) => type === text)
}

/** @throws TransientError BAD_REQUEST that lists the valid ones */
export function variableType(text: string, field: string): VariableType {
  if (isVariableType(text)) return text
  throw new TransientError('BAD_REQUEST', `${field}: "${text.slice(0, 40)}" is none of ${VARIABLE_TYPES.join(', ')}`, {
    details: { field, valid: [...VARIABLE_TYPES] },
  })
}

/** @throws TransientError VALIDATION when it is neither true nor false */
export function flag(text: string | undefined, field: string): boolean {
  if (text === undefined || text === 'false') return false
  if (text === 'true') return true
  throw new TransientError('VALIDATION', `${field}: "${text.slice(0, 40)}" is neither true nor false`, { details: { field } })
}
