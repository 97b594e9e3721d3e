import type { PlaybookRecord } from '../catalog/record.js'
import type { ChangeRecord, VariableRecord } from '../commit/record.js'
import type { ExecutionResponse } from '../contract/executions.js'
import type { PlaybookResponse } from '../contract/playbooks.js'
import type { TaskResponse } from '../contract/tasks.js'
import type { ChangeBody, VariableMetadata } from '../contract/variables.js'
import type { ExecutionRecord } from '../executions/record.js'
import type { ClaimedTask } from '../orchestrator/orchestrator.js'

/** Only where there is something to say: elsewhere the bodies are as NoETL documents them. */
function sensitivityOf({ sealed }: Pick<VariableRecord, 'sealed'>): { sensitive?: true } {
  return sealed === null ? {} : { sensitive: true }
}

export function variableBody(variable: VariableRecord): VariableMetadata {
  return {
    value: variable.value,
    ...sensitivityOf(variable),
    type: variable.type,
    source_step: variable.sourceStep,
    created_at: variable.createdAt.toISOString(),
    accessed_at: variable.accessedAt.toISOString(),
    access_count: variable.accessCount,
  }
}

export function changeBody(change: ChangeRecord): ChangeBody {
  return {
    name: change.name,
    operation: change.operation,
    value: change.value,
    previous_value: change.previousValue,
    ...sensitivityOf(change),
    type: change.type,
    source_step: change.sourceStep,
    actor: change.actor,
    changed_at: change.changedAt.toISOString(),
  }
}

export function executionBody(execution: ExecutionRecord): ExecutionResponse {
  const { error } = execution
  return {
    id: execution.id,
    status: execution.status,
    path: execution.playbookPath,
    version: execution.playbookVersion,
    workload: execution.workload,
    revision: execution.revision,
    error: error === null ? null : { code: error.code, message: error.message, step: error.step, attempt: error.attempt },
    parent_id: execution.parentId,
    rerun_of: execution.rerunOf,
    created_at: execution.createdAt.toISOString(),
    finished_at: execution.finishedAt?.toISOString() ?? null,
  }
}

export function playbookBody(playbook: PlaybookRecord): PlaybookResponse {
  return {
    path: playbook.path,
    version: playbook.version,
    name: playbook.name,
    registered_at: playbook.registeredAt.toISOString(),
  }
}

export function taskBody(task: ClaimedTask): TaskResponse {
  return {
    id: task.id,
    execution_id: task.executionId,
    step: task.step,
    visit: task.visit,
    iteration: task.iteration,
    attempt: task.attempt,
    kind: task.kind,
    input: task.input,
    timeout_ms: task.timeoutMs,
    idempotency_key: task.idempotencyKey,
    token: task.token,
    lease_until: task.leaseUntil.toISOString(),
    lease_ms: task.leaseMs,
  }
}
