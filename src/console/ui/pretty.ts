import { stringify } from 'lossless-json'
import type { JsonValue } from '../../core/json.js'

/** JSON with two spaces, every digit kept. */
export function pretty(value: JsonValue): string {
  return stringify(value, null, 2) ?? 'null'
}
