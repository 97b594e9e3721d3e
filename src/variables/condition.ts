import type { ChangeRecord } from '../commit/record.js'
import { errorMessage, isTransientError, TransientError } from '../core/errors.js'
import type { JsonObject } from '../core/json.js'
import { compileCondition, createContext, evaluateCondition } from '../template/index.js'

/** A condition over an execution's variables, which is followed along the change log. Of what is sensitive it sees the mask. */
export interface FollowedCondition {
  /** Whether it holds now. What is undefined, or cannot be evaluated, does not. */
  holds(): boolean
  /** Takes the changes of the next revision. */
  take(changes: readonly ChangeRecord[]): void
}

/** Variables that a condition reads, `vars.total` and bare names, which may be variables; null: all of them. */
export function namesIn(condition: string): readonly string[] | null {
  const { roots, members } = compileCondition(condition).references
  const named = roots.has('vars') ? (members.get('vars') ?? 'all') : []
  return named === 'all' ? null : [...new Set([...named, ...roots])].filter((name) => name !== 'vars')
}

/** `field` names it in the message. @throws TransientError VALIDATION where it is no expression */
export function checkCondition(condition: string, field: string): void {
  try {
    compileCondition(condition)
  } catch (error) {
    throw new TransientError('VALIDATION', `${field}: ${errorMessage(error)}`, { details: { field } })
  }
}

/** A condition with the variables that it begins with. */
export function followCondition(condition: string, values: Readonly<JsonObject>): FollowedCondition {
  const vars: JsonObject = { ...values }
  return {
    holds() {
      try {
        return evaluateCondition(condition, createContext({ vars }))
      } catch (error) {
        if (isTransientError(error)) return false
        throw error
      }
    },
    take(changes) {
      for (const { name, operation, value } of changes) {
        if (operation === 'delete') delete vars[name]
        else vars[name] = value
      }
    },
  }
}
