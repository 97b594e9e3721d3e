import type { IncomingMessage } from 'node:http'
import { TransientError } from '../../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { parseJsonBody } from '../../core/json-body.js'
import { LIMITS } from '../limits.js'
import type { OperationRequest } from '../pipeline.js'

const KEYS = new Set(['query', 'variables', 'operationName', 'extensions'])

/**
 * The operation that a POST asks for.
 * @throws TransientError UNSUPPORTED_MEDIA_TYPE, TOO_LARGE, BAD_REQUEST, VALIDATION
 */
export async function readOperation(request: IncomingMessage): Promise<OperationRequest> {
  if (!isJsonType(request.headers['content-type'])) {
    throw new TransientError('UNSUPPORTED_MEDIA_TYPE', 'The body must be JSON: content-type application/json')
  }
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    throw new TransientError('UNSUPPORTED_MEDIA_TYPE', 'The body must not be compressed: no content-encoding is read')
  }
  return checkOperation(parseJsonBody(decode(await readBody(request))))
}

/** @throws TransientError BAD_REQUEST when it is no request of GraphQL over HTTP */
export function checkOperation(body: JsonValue | undefined): OperationRequest {
  if (!isJsonObject(body)) throw badRequest('The body must be one JSON object; a batch is not accepted')
  const unknown = Object.keys(body).find((key) => !KEYS.has(key))
  if (unknown !== undefined) throw badRequest(`"${unknown.slice(0, 40)}" is none of ${[...KEYS].join(', ')}`)
  const { query, variables, operationName, extensions } = body
  if (typeof query !== 'string') throw badRequest('query: a GraphQL document as text is needed')
  if (!isOptional(operationName, (value) => typeof value === 'string')) throw badRequest('operationName: not text')
  if (!isOptional(variables, isJsonObject)) throw badRequest('variables: not a JSON object')
  if (!isOptional(extensions, isJsonObject)) throw badRequest('extensions: not a JSON object')
  return {
    query,
    operationName: operationName as string | null | undefined,
    variables: variables as JsonObject | null | undefined,
  }
}

function badRequest(message: string): TransientError {
  return new TransientError('BAD_REQUEST', message)
}

function isOptional(value: JsonValue | undefined, isRight: (value: JsonValue) => boolean): boolean {
  return value === undefined || value === null || isRight(value)
}

function isJsonType(header: string | undefined): boolean {
  const [type = '', ...parameters] = (header ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.replaceAll('"', '')
  return type === 'application/json' && (charset === undefined || charset === 'charset=utf-8')
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = Number(request.headers['content-length'] ?? 0)
  if (size > LIMITS.bodyBytes) throw tooLarge(size)
  size = 0
  // What comes after the limit must not cost the connection before the answer is there.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LIMITS.bodyBytes) throw tooLarge(size)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** A byte that is no UTF-8 must not turn into another character in silence. */
function decode(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw badRequest('The body is not UTF-8 text')
  }
}

function tooLarge(size: number): TransientError {
  return new TransientError('TOO_LARGE', `The body has ${size} bytes or more, over the limit of ${LIMITS.bodyBytes}`, {
    details: { limit: LIMITS.bodyBytes, size },
  })
}
