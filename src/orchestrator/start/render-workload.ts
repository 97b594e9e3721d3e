import { isTransientError, TransientError } from '../../core/errors.js'
import type { JsonObject } from '../../core/json.js'
import type { Playbook, PlaybookSchema } from '../../playbook/model.js'
import { fillDefaults } from '../../schema/defaults.js'
import { pointerParts, pointerTo, type SchemaProblem } from '../../schema/problem.js'
import { MASK } from '../../sealing/mask.js'
import { type ContextLayers, createContext, type EvaluationLimits, renderTree } from '../../template/index.js'
import { trackSensitive } from '../decide/sensitive.js'
import { checkStorable } from '../decide/storable.js'
import { withoutShared } from '../decide/vars.js'
import { workloadKeys } from './sealed-input.js'

interface WorkloadRequest {
  readonly playbook: Playbook
  readonly payload: JsonObject
  /** What is sensitive: `workload.<key>`, and other names. */
  readonly sensitive: readonly string[]
  readonly env: JsonObject
  readonly evaluationLimits: EvaluationLimits
  readonly job: JsonObject
}

export interface RenderedWorkload {
  readonly workload: JsonObject
  /** The names given, and the keys that come from them. */
  readonly sensitive: readonly string[]
  readonly fault: TransientError | null
}

/**
 * What is given at start over the playbook's workload, key by key at the top; values of the playbook that are templates
 * are rendered once, top to bottom, unless they are replaced.
 */
export function renderWorkload({
  playbook,
  payload,
  sensitive: named,
  env,
  evaluationLimits,
  job,
}: WorkloadRequest): RenderedWorkload {
  const workload: JsonObject = { ...playbook.workload, ...payload }
  const sensitive = [...named]
  let secrets = sensitiveLayer(sensitive)
  const builtins = { job, env, payload, execution_id: job['execution_id'] ?? null }
  const own = Object.entries(playbook.workload).filter(([key]) => !Object.hasOwn(payload, key))
  for (const [key, template] of own) {
    const at = `workload.${key}`
    // One workload that grows: a copy for each of its keys would take time that grows with their square.
    const layers = { workload, builtins, evaluationLimits, ...secrets }
    try {
      const { value, isSensitive } = trackSensitive({ template, layers, at, unreadable: undefined }, () =>
        withoutShared(checkStorable(renderTree(template, createContext(layers), at), at), workload),
      )
      workload[key] = value
      if (!isSensitive) continue
      sensitive.push(at)
      if (secrets.sensitive) (secrets.sensitive.workload as Set<string>).add(key)
      else secrets = sensitiveLayer(sensitive)
    } catch (error) {
      if (!isTransientError(error)) throw error
      return { workload, sensitive, fault: error }
    }
  }
  return { workload, sensitive, fault: null }
}

const NONE: ReadonlySet<string> = new Set()

function sensitiveLayer(names: readonly string[]): Pick<ContextLayers, 'sensitive'> {
  const keys = workloadKeys(names)
  if (keys.length === 0) return {}
  return { sensitive: { locals: NONE, vars: NONE, steps: NONE, workload: new Set(keys), builtins: NONE } }
}

/**
 * A workload, merged and rendered, with the defaults of its schema.
 * @throws TransientError VALIDATION with `problems` (path, keyword, message) when it does not fit; of a child execution SCHEMA
 */
export function checkedWorkload(
  { block, workload: check }: PlaybookSchema,
  {
    workload,
    sensitive,
    isChild,
  }: { readonly workload: JsonObject; readonly sensitive: readonly string[]; readonly isChild: boolean },
): JsonObject {
  if (check === null) return workload
  const filled = fillDefaults(block, block['workload'] ?? true, workload) as JsonObject
  const secrets = new Set(workloadKeys(sensitive))
  const problems = check(filled).map((problem) => shown(problem, secrets))
  const [first] = problems
  if (!first) return filled
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  const message = `workload: does not fit the playbook's schema: ${first.path === '' ? '' : `${first.path} `}${first.message}${more}`
  throw new TransientError(isChild ? 'SCHEMA' : 'VALIDATION', message, {
    details: { field: 'workload', problems: problems.map((problem): JsonObject => ({ ...problem })) },
  })
}

/** Of a sensitive key nothing is told but that its value does not fit. */
function shown(problem: SchemaProblem, secrets: ReadonlySet<string>): SchemaProblem {
  const [key] = pointerParts(problem.path)
  if (key === undefined || !secrets.has(key)) return problem
  return { path: pointerTo('', key), keyword: problem.keyword, message: `${MASK} does not fit its schema` }
}
