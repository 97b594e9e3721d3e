import { TransientError } from './errors.js'
import { type JsonValue, parseGivenJson, RepeatedKey } from './json.js'

/**
 * The body of a request, every digit kept: the same for every API.
 * @throws TransientError BAD_REQUEST when it is not JSON, VALIDATION when an object has a key twice
 */
export function parseJsonBody(text: string): JsonValue {
  try {
    return parseGivenJson(text)
  } catch (error) {
    if (error instanceof RepeatedKey) throw repeatedKey(error)
    throw new TransientError('BAD_REQUEST', 'the body is not JSON')
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/**
 * A body as text: a byte that is not UTF-8 must not silently turn into another character.
 * @throws TransientError BAD_REQUEST, also when the connection is cut before the body is there whole
 */
export async function readBodyText(request: Pick<Request, 'arrayBuffer'>): Promise<string> {
  const body = await request.arrayBuffer().catch(() => {
    throw new TransientError('BAD_REQUEST', 'the request was cut off')
  })
  try {
    return UTF8.decode(body)
  } catch {
    throw new TransientError('BAD_REQUEST', 'the body is not UTF-8 text')
  }
}

function repeatedKey({ key }: RepeatedKey): TransientError {
  const field = key.slice(0, 80)
  return new TransientError('VALIDATION', `${field}: the key is given twice in one object`, { details: { field } })
}
