import type { JsonObject } from '../core/json.js'
import type {
  ExecutionFieldsFragment,
  IterationFieldsFragment,
  PlaybookFieldsFragment,
  VariableFieldsFragment,
} from '../sdk/generated/graphql.js'
import type { WatchedChange } from '../sdk/watch.js'

export function variableRow(variable: VariableFieldsFragment): JsonObject {
  return {
    name: variable.name,
    value: variable.value ?? null,
    type: variable.type.toLowerCase(),
    source_step: variable.sourceStep,
    sensitive: variable.isSensitive,
    revision: variable.revision,
    version: variable.version,
    access_count: variable.accessCount,
    created_at: variable.createdAt,
    updated_at: variable.updatedAt,
    accessed_at: variable.accessedAt,
  }
}

/** An execution, with the counts of its loops' iterations where the response has them. */
export type ShownExecution = ExecutionFieldsFragment & { readonly iterationCounts?: IterationFieldsFragment | null }

export function executionRow(execution: ShownExecution): JsonObject {
  const { error, iterationCounts } = execution
  return {
    id: execution.id,
    status: execution.status.toLowerCase(),
    ...(iterationCounts === undefined ? {} : { iterations: iterationCounts && { ...iterationCounts } }),
    path: execution.playbook?.path ?? null,
    version: execution.playbook?.version ?? null,
    workload: execution.workload ?? null,
    revision: execution.revision,
    error: error === null ? null : { code: error.code, message: error.message, step: error.step, attempt: error.attempt },
    parent_id: execution.parent?.id ?? null,
    created_at: execution.createdAt,
    finished_at: execution.finishedAt,
  }
}

/** `996 of 1000, 4 failed` */
export function iterationText({ total, succeeded, failed }: IterationFieldsFragment): string {
  return `${succeeded} of ${total}${failed === 0 ? '' : `, ${failed} failed`}`
}

/** An execution as a table shows it: counts are words. */
export function executionCells(execution: ShownExecution): JsonObject {
  const { iterationCounts } = execution
  return { ...executionRow(execution), iterations: iterationCounts ? iterationText(iterationCounts) : null }
}

export function playbookRow(playbook: PlaybookFieldsFragment): JsonObject {
  return { path: playbook.path, version: playbook.version, name: playbook.name, registered_at: playbook.registeredAt }
}

export function changeRow(change: WatchedChange, revision: number): JsonObject {
  return {
    revision,
    name: change.name,
    operation: change.operation,
    value: change.value,
    previous_value: change.previousValue,
    sensitive: change.isSensitive,
    type: change.type,
    source_step: change.sourceStep,
    actor: change.actor,
    changed_at: change.changedAt,
  }
}
