export const EXECUTION_STATUSES = ['pending', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number]

export const STEP_STATUSES = ['pending', 'running', 'waiting', 'succeeded', 'failed', 'skipped', 'cancelled'] as const
export type StepStatus = (typeof STEP_STATUSES)[number]

export const VARIABLE_TYPES = ['user_defined', 'step_result', 'computed', 'iterator_state'] as const
export type VariableType = (typeof VARIABLE_TYPES)[number]

export const CHANGE_OPERATIONS = ['set', 'delete'] as const
export type ChangeOperation = (typeof CHANGE_OPERATIONS)[number]

/** Whether an execution has ended, and with it every write to its variables. */
export function isFinished(status: ExecutionStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}

/** Whether steps of an execution may end: also of one that is paused, of which no new one begins. */
export function isUnderWay(status: ExecutionStatus): boolean {
  return status === 'running' || status === 'paused'
}

/** What a webhook may be told of: changes of variables, and facts of the engine by their names. */
export const WEBHOOK_EVENTS = [
  'variables',
  'execution.started',
  'execution.completed',
  'execution.failed',
  'execution.cancelled',
  'step.failed',
  'step.waiting',
] as const
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]
