import type { Context } from 'hono'
import type { CatalogService } from '../catalog/service.js'
import { type JsonObject, stringifyJson } from '../core/json.js'
import type { ExecutionsService } from '../executions/service.js'
import type { Orchestrator } from '../orchestrator/orchestrator.js'
import type { VariablesService } from '../variables/service.js'

export interface RestServices {
  readonly variables: VariablesService
  readonly executions: ExecutionsService
  readonly catalog: CatalogService
  readonly orchestrator: Orchestrator
}

/** The part of the log that REST writes to. */
export interface RestLogger {
  error(fields: object, message: string): void
}

/** The guard in front sets `actor`; without one the caller is anonymous. */
export interface RestEnv {
  Variables: { actor?: string }
  /** The answer's socket, so that a stalled reader can be cut off. */
  Bindings: { outgoing?: { destroy(): unknown } }
}

export function actorOf(context: Context<RestEnv>): string {
  return context.get('actor') ?? 'api:anonymous'
}

interface JsonAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer whose numbers keep all their digits. */
export function answerJson(body: JsonObject | null, { status = 200, headers = {} }: JsonAnswer = {}): Response {
  return new Response(stringifyJson(body), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  })
}
