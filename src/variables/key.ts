import type { ExecutionId } from '../core/ids.js'

/** One text for a variable of an execution, for maps. */
export function keyOf(executionId: ExecutionId, name: string): string {
  return `${executionId}/${name}`
}
