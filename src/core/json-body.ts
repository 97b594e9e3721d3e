import { TransientError } from './errors.js'
import { type JsonValue, parseGivenJson, RepeatedKey } from './json.js'

/**
 * The body of a request, every digit kept: the same for every door.
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

function repeatedKey({ key }: RepeatedKey): TransientError {
  const field = key.slice(0, 80)
  return new TransientError('VALIDATION', `${field}: the key is given twice in one object`, { details: { field } })
}
