import type { ExecutionId } from '../core/ids.js'

/** Where a sealed value belongs: it opens nowhere else. */
export type Place = readonly [kind: string, ...where: (string | number)[]]

/** One value of one variable: the one that it got at this revision. */
export function variablePlace(executionId: ExecutionId, name: string, revision: number): Place {
  return ['variable', executionId, name, revision]
}
