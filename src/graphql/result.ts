import type { FormattedExecutionResult, GraphQLFormattedError } from 'graphql'
import { isLosslessNumber, type JsonValue, stringifyJson } from '../core/json.js'

/** The JSON text of a result, or of errors, every digit kept. JSON.stringify is several times as fast, so it does what it can. */
export function stringifyResult(result: FormattedExecutionResult | readonly GraphQLFormattedError[]): string {
  return hasLosslessNumber(result) ? stringifyJson(result as unknown as JsonValue) : JSON.stringify(result)
}

function hasLosslessNumber(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (isLosslessNumber(value)) return true
  if (Array.isArray(value)) return value.some(hasLosslessNumber)
  return Object.values(value).some(hasLosslessNumber)
}
