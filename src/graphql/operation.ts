import { GraphQLError } from 'graphql'
import type { GraphQLParams } from 'graphql-yoga'
import { TransientError } from '../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js'
import { parseJsonBody, readBodyText } from '../core/json-body.js'

const KEYS = new Set(['query', 'variables', 'operationName', 'extensions'])

/**
 * The operation that the body of a POST asks for; its variables hold every digit.
 * @throws TransientError UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST, VALIDATION
 */
export async function readOperation(request: Request): Promise<GraphQLParams> {
  if (!isJsonType(request.headers.get('content-type'))) {
    throw new TransientError('UNSUPPORTED_MEDIA_TYPE', 'The body must be JSON: content-type application/json')
  }
  const encoding = request.headers.get('content-encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    throw new TransientError('UNSUPPORTED_MEDIA_TYPE', 'The body must not be compressed: no content-encoding is read')
  }
  return checkOperation(parseJsonBody(await readBodyText(request)))
}

/** The operation that the address of a GET asks for. @throws TransientError BAD_REQUEST, VALIDATION */
export function operationOfQuery(url: string): GraphQLParams {
  const given = new URL(url).searchParams
  const parsed = (key: string) => (given.get(key) ? parseJsonBody(given.get(key) ?? '') : null)
  return checkOperation({
    query: given.get('query') || null,
    operationName: given.get('operationName') || null,
    variables: parsed('variables'),
    extensions: parsed('extensions'),
  })
}

/** @throws TransientError BAD_REQUEST when it is not a request of GraphQL over HTTP; GraphQLError when it names a stored document */
export function checkOperation(body: JsonValue | undefined): GraphQLParams {
  if (!isJsonObject(body)) throw badRequest('The body must be one JSON object; a batch is not accepted')
  const unknown = Object.keys(body).find((key) => !KEYS.has(key))
  if (unknown !== undefined) throw badRequest(`"${unknown.slice(0, 40)}" is none of ${[...KEYS].join(', ')}`)
  const { query, variables, operationName, extensions } = body
  if (!isOptional(operationName, (value) => typeof value === 'string')) throw badRequest('operationName: not text')
  if (!isOptional(variables, isJsonObject)) throw badRequest('variables: not a JSON object')
  if (!isOptional(extensions, isJsonObject)) throw badRequest('extensions: not a JSON object')
  if (typeof query !== 'string') {
    if (isJsonObject(extensions) && extensions['persistedQuery'] !== undefined) throw persistedQueryNotSupported()
    throw badRequest('query: a GraphQL document as text is needed')
  }
  const params: GraphQLParams = { query }
  if (operationName) params.operationName = operationName as string
  if (variables) params.variables = variables as JsonObject
  if (extensions) params.extensions = extensions as JsonObject
  return params
}

function badRequest(message: string): TransientError {
  return new TransientError('BAD_REQUEST', message)
}

/** Clients of automatic persisted queries go on with whole documents at this message and code. */
function persistedQueryNotSupported(): GraphQLError {
  return new GraphQLError('PersistedQueryNotSupported', {
    extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED', http: { status: 200 } },
  })
}

function isOptional(value: JsonValue | undefined, isRight: (value: JsonValue) => boolean): boolean {
  return value === undefined || value === null || isRight(value)
}

function isJsonType(header: string | null): boolean {
  const [type = '', ...parameters] = (header ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.replaceAll('"', '')
  return type === 'application/json' && (charset === undefined || charset === 'charset=utf-8')
}
