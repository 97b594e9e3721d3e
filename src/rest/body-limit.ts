import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { TransientError } from '../core/errors.js'

export const MAX_BODY_BYTES = 1024 * 1024

/** A body over 1 MiB is refused, whether its length is announced or it comes in chunks. Throws TransientError TOO_LARGE. */
export function limitBody(): MiddlewareHandler {
  const chunked = bodyLimit({ maxSize: MAX_BODY_BYTES, onError: () => tooLarge(MAX_BODY_BYTES + 1) })
  return (context, next) => {
    // Hono's own look at a body makes a whole Request of what is often never read. What has no length is in chunks, or there is none;
    // of the rest Node gives no more than was announced.
    if (context.req.header('transfer-encoding') !== undefined) return chunked(context, next)
    const announced = Number(context.req.header('content-length') ?? 0)
    return announced > MAX_BODY_BYTES ? tooLarge(announced) : next()
  }
}

function tooLarge(size: number): never {
  throw new TransientError('TOO_LARGE', `The body has ${size} bytes or more, over the limit of ${MAX_BODY_BYTES}`, {
    details: { limit: MAX_BODY_BYTES, size },
  })
}
