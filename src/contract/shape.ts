import { z } from 'zod'
import { TransientError } from '../core/errors.js'
import { isJsonNumber, isJsonObject, type JsonObject, type JsonValue, type LosslessNumber } from '../core/json.js'

/** Any JSON value that is there; `null` is a value. */
export const jsonValue = z.custom<JsonValue>((value) => value !== undefined, 'is missing')
export const jsonObject = z.custom<JsonObject>(isJsonObject, 'must be a JSON object')
/** A number with all its digits. */
export const jsonNumber = z.custom<number | LosslessNumber>(isJsonNumber, 'must be a number')
/** ISO 8601, UTC. */
export const timestamp = z.string()

function issueField(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') path.push(issue.keys[0] ?? '')
  return path.join('.')
}

function issueText(issue: z.core.$ZodIssue, known: readonly string[]): string {
  const field = issueField(issue)
  if (issue.code === 'unrecognized_keys') return `${field}: unknown key; accepted are ${known.join(', ')}`
  return field === '' ? `the body: ${issue.message}` : `${field}: ${issue.message}`
}

/**
 * A request body in its shape.
 * @throws TransientError VALIDATION that names every field in fault; `details.field` is the first of them
 */
export function parseShape<Schema extends z.ZodObject>(schema: Schema, body: JsonValue): z.output<Schema> {
  if (!isJsonObject(body)) {
    throw new TransientError('VALIDATION', 'the body must be a JSON object', { details: { field: 'body' } })
  }
  const result = schema.safeParse(body)
  if (result.success) return result.data
  const known = Object.keys(schema.shape)
  const [first] = result.error.issues
  const field = first === undefined ? 'body' : issueField(first)
  const message = result.error.issues.map((issue) => issueText(issue, known)).join('; ')
  throw new TransientError('VALIDATION', message, { details: { field } })
}
