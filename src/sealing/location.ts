import type { ExecutionId } from '../core/ids.js'

/** Where a sealed value belongs: it opens nowhere else. */
export type Location = readonly [kind: string, ...where: (string | number)[]]

/** One value of one variable: the one that it got at this revision. */
export function variableLocation(executionId: ExecutionId, name: string, revision: number): Location {
  return ['variable', executionId, name, revision]
}

/** What an execution was given at its start. */
export function executionLocation(executionId: ExecutionId): Location {
  return ['execution', executionId]
}

/** What one visit or iteration was given, and what it gave. */
export function runLocation(executionId: ExecutionId, run: number): Location {
  return ['run', executionId, run]
}

/** What one attempt's worker was given. */
export function taskLocation(executionId: ExecutionId, run: number, attempt: number): Location {
  return ['task', executionId, run, attempt]
}

/** The workload that an idempotency key was used with. */
export function idempotencyLocation(executionId: ExecutionId): Location {
  return ['idempotency', executionId]
}

/** The secrets of an inbound webhook. */
export function triggerLocation(triggerId: string): Location {
  return ['trigger', triggerId]
}

/** The secrets of a webhook. */
export function webhookLocation(webhookId: string): Location {
  return ['webhook', webhookId]
}
