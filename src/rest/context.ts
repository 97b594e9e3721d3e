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

interface JsonAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer whose numbers keep all their digits. */
export function answerJson(body: JsonObject | null, answer: JsonAnswer = {}): Response {
  return answerText(stringifyJson(body), answer)
}

/** The same from its text. */
export function answerText(text: string, { status = 200, headers = {} }: JsonAnswer = {}): Response {
  return new Response(text, {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  })
}
