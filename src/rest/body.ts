import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { z } from 'zod'
import { parseShape } from '../contract/shape.js'
import { TransientError } from '../core/errors.js'
import type { JsonValue } from '../core/json.js'
import { parseJsonBody, readBodyText } from '../core/json-body.js'

/** The media type of the request, in lower case and without parameters; '' when it names none. */
export function mediaType(context: Context): string {
  return (context.req.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

export function isJsonMediaType(type: string): boolean {
  return type === 'application/json' || /^application\/[a-z0-9.!#$&^_-]+\+json$/.test(type)
}

export function unsupportedMediaType(type: string, accepted: readonly string[]): TransientError {
  const given = type === '' ? 'no Content-Type was given' : `Content-Type "${type.slice(0, 80)}" is not supported here`
  return new TransientError('UNSUPPORTED_MEDIA_TYPE', `${given}; send ${accepted.join(', ')}`, {
    details: { accepted: [...accepted] },
  })
}

/** The body as text. @throws TransientError BAD_REQUEST when it is not UTF-8, UNSUPPORTED_MEDIA_TYPE when it is compressed */
export async function readText(context: Context): Promise<string> {
  if ((context.req.header('content-encoding') ?? 'identity').toLowerCase() !== 'identity') {
    throw new TransientError('UNSUPPORTED_MEDIA_TYPE', 'the body must not be compressed: no Content-Encoding is read')
  }
  return readBodyText(context.req.raw)
}

/** @throws TransientError UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST, VALIDATION */
export async function readJsonBody(context: Context): Promise<JsonValue> {
  const type = mediaType(context)
  if (!isJsonMediaType(type)) throw unsupportedMediaType(type, ['application/json'])
  return parseJsonBody(await readText(context))
}

/** A JSON body of this shape. @throws TransientError as `readJsonBody`, and VALIDATION */
export async function readJson<Schema extends z.ZodObject>(context: Context, schema: Schema): Promise<z.output<Schema>> {
  return parseShape(schema, await readJsonBody(context))
}

/** Like `readJson`, where the body may be left out altogether. */
export async function readOptionalJson<Schema extends z.ZodObject>(context: Context, schema: Schema): Promise<z.output<Schema>> {
  const type = mediaType(context)
  const text = await readText(context)
  if (text.trim() === '') return parseShape(schema, {})
  if (!isJsonMediaType(type)) throw unsupportedMediaType(type, ['application/json'])
  return parseShape(schema, parseJsonBody(text))
}

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
