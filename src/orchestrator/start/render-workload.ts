import { isTransientError, type TransientError } from '../../core/errors.js'
import type { JsonObject } from '../../core/json.js'
import type { Playbook } from '../../playbook/model.js'
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
