import type { Context } from 'hono'
import { LosslessNumber } from '../core/json.js'
import { checkSpaceName } from '../core/space.js'
import { executionStream, spaceStream, type VariableStream } from '../variables/stream.js'
import { type RestEnv, servicesOf } from './context.js'

/** What every route of variables is there for: an execution, and a space, in whose name a slash is `%2F`. */
export const STREAM_PATHS = ['/api/vars/:execution_id', '/api/globals/:space']

/** A response that names a space where it names an execution else. */
export type OfStream<Response extends { readonly execution_id: unknown }> =
  | Response
  | (Omit<Response, 'execution_id'> & { readonly space: string })

/** Whose variables a request is about. @throws TransientError VALIDATION */
export function streamIn(context: Context<RestEnv>): VariableStream {
  const { variables, globals } = servicesOf(context)
  const space = context.req.param('space')
  if (space !== undefined) return spaceStream(globals, checkSpaceName(space))
  return executionStream(variables, context.req.param('execution_id') ?? '', 'execution_id')
}

/** How a response names it. */
export function identity({ space, key }: VariableStream): { readonly execution_id: LosslessNumber } | { readonly space: string } {
  return space === null ? { execution_id: new LosslessNumber(key) } : { space }
}
