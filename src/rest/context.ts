import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Session } from '../access/session.js'
import { type JsonObject, stringifyJson } from '../core/json.js'
import type { Services } from '../orchestrator/services.js'

/** The part of the log that REST writes to. */
export interface RestLogger {
  error(fields: object, message: string): void
}

/** What comes along with a request. */
export interface RestEnv {
  Bindings: HttpBindings
  Variables: {
    /** Who calls. */
    readonly session: Session
  }
}

/** The services as the caller may use them. */
export function servicesOf(context: Context<RestEnv>): Services {
  return context.var.session.services
}

export function actorOf(context: Context<RestEnv>): string {
  return context.var.session.principal.actor
}

interface JsonResponseOptions {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** A response whose numbers keep all their digits. */
export function jsonResponse(body: JsonObject | null, options: JsonResponseOptions = {}): Response {
  return textResponse(stringifyJson(body), options)
}

/** The same from its text. */
export function textResponse(text: string, { status = 200, headers = {} }: JsonResponseOptions = {}): Response {
  return new Response(text, {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  })
}
