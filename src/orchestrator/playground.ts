import { inheritedSteps, loadStepsAt } from '../commit/result-store.js'
import { type ErrorCode, isTransientError, TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js'
import { spaceIdOf } from '../core/space.js'
import type { Database } from '../db/database.js'
import type { ExecutionRecord } from '../executions/record.js'
import type { ExecutionsService } from '../executions/service.js'
import type { Playbook } from '../playbook/model.js'
import { MASK } from '../sealing/mask.js'
import {
  type ContextLayers,
  compileTemplate,
  createContext,
  referencesOf,
  renderTemplate,
  sensitiveReads,
} from '../template/index.js'
import { findSensitive } from '../variables/read/page-store.js'
import type { VariablesService } from '../variables/service.js'
import { jobOf } from './decide/context.js'
import { workloadKeys } from './start/sealed-input.js'

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

export interface PlaygroundDependencies {
  readonly db: Database
  readonly executions: ExecutionsService
  readonly variables: VariablesService
  /** Finds the playbook of an execution, which names its space. */
  readonly model: (path: string, version: number) => Promise<Pick<Playbook, 'space'>>
  /** What the setting TEMPLATE_ENV lets templates read as `env`. */
  readonly env: JsonObject
}

interface Reading extends Pick<RenderRequest, 'asOf' | 'template'> {
  readonly id: ExecutionId
}

interface Globals {
  readonly values: JsonObject
  readonly sensitive: ReadonlySet<string>
}

const NONE: ReadonlySet<string> = new Set()

/** Builds the playground over an execution's rows; it writes nothing, counts no read, and shows the mask of all that is sensitive. */
export function createPlayground({ db, executions, variables, model, env }: PlaygroundDependencies): Playground {
  /** As they are now, also beside the past of an execution; nothing where the template reads none. */
  async function globalsOf(execution: ExecutionRecord, template: string): Promise<Globals> {
    const { playbookPath: path, playbookVersion: version } = execution
    const isRead = referencesOf(template).roots.has('globals')
    if (!isRead || path === null || version === null) return { values: {}, sensitive: NONE }
    const { variables: all } = await variables.all(spaceIdOf((await model(path, version)).space))
    return {
      values: Object.fromEntries(all.map(({ name, value }) => [name, value])),
      sensitive: new Set(all.filter(({ sealed }) => sealed !== null).map(({ name }) => name)),
    }
  }

  async function layersOf({ id, asOf, template }: Reading): Promise<ContextLayers> {
    const execution = await executions.get(id)
    const globals = await globalsOf(execution, template)
    const vars = await variables.values(id, asOf)
    const { steps, sensitive } = await loadStepsAt(db, id, asOf)
    const older = inheritedSteps(execution.inherited, null)
    const secrets = new Set(execution.sensitive)
    const inherited = Object.keys(older).filter((name) => secrets.has(`results.${name}`) && !Object.hasOwn(steps, name))
    return {
      sensitive: {
        locals: new Set(),
        vars: await findSensitive(db, id, asOf),
        steps: new Set([...sensitive, ...inherited]),
        workload: new Set(workloadKeys(execution.sensitive)),
        builtins: new Set(),
        globals: globals.sensitive,
      },
      vars,
      globals: globals.values,
      steps: { ...older, ...steps },
      workload: isJsonObject(execution.workload) ? execution.workload : {},
      builtins: { execution_id: id, job: jobOf(execution), env, payload: execution.payload },
    }
  }

  return {
    async render({ template, context, executionId, asOf }) {
      if (asOf !== null && executionId === null) {
        throw new TransientError('VALIDATION', 'asOf: reads the past of an execution; give executionId too', {
          details: { field: 'asOf' },
        })
      }
      const layers =
        executionId === null
          ? givenLayers(context)
          : { ...(await layersOf({ id: executionId, asOf, template })), locals: context }
      try {
        // Not even evaluated: by its errors one could find out, question by question, what the value is.
        compileTemplate(template)
        if (sensitiveReads(template, layers).length > 0) return { value: MASK, error: null }
        return { value: renderTemplate(template, createContext(layers)), error: null }
      } catch (error) {
        if (!isTransientError(error)) throw error
        const { line, column } = error.details
        return {
          value: null,
          error: { code: error.code, message: error.message, line: position(line), column: position(column) },
        }
      }
    },
  }
}

/** A context given whole: its `vars` and `workload` are the namespaces, the rest are plain names. */
function givenLayers(context: JsonObject): ContextLayers {
  const { vars, workload, ...builtins } = context
  return {
    vars: isJsonObject(vars) ? vars : {},
    workload: isJsonObject(workload) ? workload : {},
    builtins,
  }
}

function position(value: JsonValue | undefined): number | null {
  return typeof value === 'number' ? value : null
}
