import { createHash } from 'node:crypto'
import { TransientError } from './errors.js'
import { type ExecutionId, parseExecutionId } from './ids.js'

/** The space of a playbook that names none. */
export const DEFAULT_SPACE = 'global'

const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.:-]*(?:\/[\p{L}\p{N}_][\p{L}\p{N}_.:-]*)*$/u
const MAX_NAME_BYTES = 255
const MAX_ID = 2n ** 63n - 1n

/** Whether a space may have this name: `billing/prod`. */
export function isSpaceName(name: string): boolean {
  return NAME.test(name) && Buffer.byteLength(name) <= MAX_NAME_BYTES
}

/** What a name is made of, for messages. */
export const SPACE_NAMES = `letters, digits, "_", "-", "." and ":", in parts by "/", ${MAX_NAME_BYTES} bytes at most`

/** @throws TransientError VALIDATION, naming the field */
export function checkSpaceName(name: string, field = 'space'): string {
  if (isSpaceName(name)) return name
  const shown = JSON.stringify(name.slice(0, 40))
  throw new TransientError('VALIDATION', `${field}: ${shown} is not the name of a space: ${SPACE_NAMES}`, { details: { field } })
}

/**
 * The id of a space, made of its name alone: whoever knows the name knows the id, before the space exists and on every process. Below zero,
 * so that no execution has it, and nothing that takes an execution's id from outside takes a space's.
 */
export function spaceIdOf(name: string): ExecutionId {
  const digest = createHash('sha256').update(name).digest()
  return String(-((digest.readBigUInt64BE() % MAX_ID) + 1n))
}

/** Whether the id is a space's. */
export function isSpaceId(id: ExecutionId): boolean {
  return id.startsWith('-')
}

/**
 * The id of what has variables: an execution or a space.
 * @throws TransientError VALIDATION, naming the field
 */
export function parseStreamId(text: string, field = 'executionId'): ExecutionId {
  return isSpaceId(text) ? `-${parseExecutionId(text.slice(1), field)}` : parseExecutionId(text, field)
}
