import type { Right } from '../../core/principal.js'
import type { StreamKey } from '../../variables/stream.js'
import { builder } from '../builder.js'

export const SPACE_TEXT = 'A space, in the place of executionId: its variables belong to no execution.'

/** The arguments that say whose variables are meant. */
export const streamArguments = builder.args((t) => ({
  executionId: t.id({ description: 'This or `space`.' }),
  space: t.string({ description: SPACE_TEXT }),
}))

/** What a caller needs: one right for an execution's variables, another for a space's. */
export function rightOf({ space }: StreamKey, ofExecution: Right, ofSpace: Right): Partial<Record<Right, boolean>> {
  return { [space == null ? ofExecution : ofSpace]: true }
}

/** The rights of everything that reads. */
export function mayRead(_root: unknown, key: StreamKey): Partial<Record<Right, boolean>> {
  return rightOf(key, 'read_variables', 'read_globals')
}
