import type { ExecutionId } from '../core/ids.js'

/** Where a sealed value belongs: it opens nowhere else. */
export type Place = readonly [kind: string, ...where: (string | number)[]]

/** One value of one variable: the one that it got at this revision. */
export function variablePlace(executionId: ExecutionId, name: string, revision: number): Place {
  return ['variable', executionId, name, revision]
}

/** What an execution was given at its start. */
export function executionPlace(executionId: ExecutionId): Place {
  return ['execution', executionId]
}

/** What one visit or iteration was given, and what it gave. */
export function runPlace(executionId: ExecutionId, run: number): Place {
  return ['run', executionId, run]
}

/** What one attempt's worker was given. */
export function taskPlace(executionId: ExecutionId, run: number, attempt: number): Place {
  return ['task', executionId, run, attempt]
}

/** The workload that an idempotency key was used with. */
export function idempotencyPlace(executionId: ExecutionId): Place {
  return ['idempotency', executionId]
}
