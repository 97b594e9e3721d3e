import { CHANGE_OPERATIONS, EXECUTION_STATUSES, STEP_STATUSES, VARIABLE_TYPES } from '../../core/status.js'
import { builder } from '../builder.js'

/** SCREAMING_CASE outside, the same words in lower case inside. */
export function lowerCaseEnum<const Value extends string>(name: string, values: readonly Value[]) {
  const entries = values.map((value) => [value.toUpperCase(), { value }] as const)
  return builder.enumType(name, { values: Object.fromEntries(entries) as Record<string, { value: Value }> })
}

export const VariableTypeEnum = lowerCaseEnum('VariableType', VARIABLE_TYPES)
export const ChangeOperationEnum = lowerCaseEnum('ChangeOperation', CHANGE_OPERATIONS)
export const ExecutionStatusEnum = lowerCaseEnum('ExecutionStatus', EXECUTION_STATUSES)
export const StepStatusEnum = lowerCaseEnum('StepStatus', STEP_STATUSES)
export const ProblemSeverityEnum = lowerCaseEnum('ProblemSeverity', ['error', 'warning', 'info'])
export const FromEnum = lowerCaseEnum('From', ['now', 'current'])
export const WatchEventKindEnum = lowerCaseEnum('WatchEventKind', ['subscribed', 'changed', 'bookmark'])
