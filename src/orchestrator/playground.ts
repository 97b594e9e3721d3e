import { type ErrorCode, isTransientError, TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js'
import type { Database } from '../db/database.js'
import type { ExecutionRecord } from '../executions/record.js'
import { findExecution } from '../executions/store.js'
import { type ContextLayers, createContext, renderTemplate } from '../template/index.js'
import { variableValues } from '../variables/page-store.js'
import { jobOf } from './context.js'
import { inheritedSteps, loadStepsAt } from './result-store.js'

export interface RenderRequest {
  readonly template: string
  /** Names that the template may read. With an execution they come before its own. */
  readonly context: JsonObject
  readonly executionId: ExecutionId | null
  readonly asOf: number | null
}

export interface RenderError {
  readonly code: ErrorCode
  readonly message: string
  readonly line: number | null
  readonly column: number | null
}

export interface RenderResult {
  /** null also when it failed. */
  readonly value: JsonValue
  readonly error: RenderError | null
}

/** The expression playground: the same engine and the same locks as a playbook's templates. */
export interface Playground {
  /** @throws TransientError NOT_FOUND, VALIDATION, REVISION_GONE; a template's own error is in the result */
  render(request: RenderRequest): Promise<RenderResult>
}

export function createPlayground({ db, env }: { db: Database; env: JsonObject }): Playground {
  async function layersOf({ context, executionId, asOf }: RenderRequest): Promise<ContextLayers> {
    if (executionId === null) return { locals: context, vars: objectAt(context, 'vars'), workload: objectAt(context, 'workload') }
    const execution = await findExecution(db, executionId)
    if (!execution) throw new TransientError('NOT_FOUND', `execution ${executionId} does not exist`)
    return { locals: context, ...(await executionLayers(execution, asOf)) }
  }

  async function executionLayers(execution: ExecutionRecord, asOf: number | null): Promise<ContextLayers> {
    const vars = await variableValues(db, execution.id, asOf)
    const steps = await loadStepsAt(db, execution.id, asOf)
    const builtins = { execution_id: execution.id, job: jobOf(execution), env, payload: execution.payload }
    const inherited = inheritedSteps(execution.inherited, null)
    return { vars, steps: { ...inherited, ...steps }, workload: (execution.workload ?? {}) as JsonObject, builtins }
  }

  return {
    async render(request) {
      const context = createContext(await layersOf(request))
      try {
        return { value: renderTemplate(request.template, context), error: null }
      } catch (error) {
        if (!isTransientError(error)) throw error
        const { line = null, column = null } = error.details
        return {
          value: null,
          error: { code: error.code, message: error.message, line: numberOrNull(line), column: numberOrNull(column) },
        }
      }
    },
  }
}

function objectAt(context: JsonObject, key: string): JsonObject {
  const value = context[key]
  return isJsonObject(value) ? value : {}
}

function numberOrNull(value: JsonValue): number | null {
  return typeof value === 'number' ? value : null
}
