import type { Context } from 'hono'
import type { z } from 'zod'
import { parseShape } from '../contract/shape.js'
import { TransientError } from '../core/errors.js'
import type { JsonValue } from '../core/json.js'
import { parseJsonBody } from '../core/json-body.js'

export const MAX_BODY_BYTES = 1024 * 1024

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

function bodyTooLarge(size: number): TransientError {
  return new TransientError('TOO_LARGE', `the body has ${size} bytes or more, the limit is ${MAX_BODY_BYTES}`, {
    details: { limit: MAX_BODY_BYTES, size },
  })
}

/**
 * The body as text, never holding more than the limit.
 * @throws TransientError TOO_LARGE, BAD_REQUEST when it is not UTF-8, UNSUPPORTED_MEDIA_TYPE when it is compressed
 */
export async function readText(context: Context): Promise<string> {
  if ((context.req.header('content-encoding') ?? 'identity').toLowerCase() !== 'identity') {
    throw new TransientError('UNSUPPORTED_MEDIA_TYPE', 'the body must not be compressed: no Content-Encoding is read')
  }
  const announced = Number(context.req.header('content-length') ?? 0)
  if (announced > MAX_BODY_BYTES) throw bodyTooLarge(announced)
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = context.req.raw.body?.getReader()
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    const chunk: Uint8Array = next.value
    size += chunk.byteLength
    if (size > MAX_BODY_BYTES) throw bodyTooLarge(size)
    chunks.push(chunk)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new TransientError('BAD_REQUEST', 'the body is not UTF-8 text')
  }
}

/** @throws TransientError UNSUPPORTED_MEDIA_TYPE, TOO_LARGE, BAD_REQUEST, VALIDATION */
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
