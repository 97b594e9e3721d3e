import type { JsonValue } from '../core/json.js'

/** Where and why a value does not fit a schema. Says nothing of the value but its keys. */
export interface SchemaProblem {
  /** A JSON pointer into the value; empty for the whole. */
  readonly path: string
  readonly keyword: string
  readonly message: string
}

/** What is wrong with a value, as far as it was looked for: at most 20; none when it fits. */
export type SchemaCheck = (value: JsonValue) => readonly SchemaProblem[]

/** Of one value, at most. */
export const MAX_PROBLEMS = 20

/** The parts of a JSON pointer. */
export function pointerParts(pointer: string): string[] {
  const parts = pointer.split('/').slice(1)
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** One more part for a JSON pointer. */
export function pointerTo(pointer: string, part: string | number): string {
  return `${pointer}/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`
}
