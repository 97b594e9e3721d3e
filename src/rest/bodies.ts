import type { PlaybookRecord } from '../catalog/record.js'
import type { VariableRecord } from '../commit/record.js'
import type { AnswerResponse, ExecutionResponse } from '../contract/executions.js'
import type { PlaybookResponse } from '../contract/playbooks.js'
import type { TaskResponse } from '../contract/tasks.js'
import type { VariableMetadata } from '../contract/variables.js'
import type { ExecutionRecord, StepRunRecord } from '../executions/record.js'
import type { ClaimedTask } from '../orchestrator/orchestrator.js'
import { sensitivityOf } from '../variables/change-body.js'

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

export function answerBody({ executionId, run, step, status, wait }: StepRunRecord): AnswerResponse {
  return { execution_id: executionId, run, step, status, answered_by: wait?.ask?.answered?.by ?? null }
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
