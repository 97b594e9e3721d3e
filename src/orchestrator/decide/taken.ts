import { type ContextLayers, StepValue, sensitiveReads } from '../../template/index.js'
import { OUTCOME_NAMES } from './context.js'
import type { Snapshot } from './types.js'
import { sensitiveVariables } from './vars.js'

/** Whether a sensitive variable is taken from what the attempt gave: then that is sensitive, too. */
export function givesSecret(snapshot: Snapshot): boolean {
  const { step, run, sensitive = null, execution } = snapshot
  if (sensitive === null && execution.sensitive.length === 0) return false
  const secrets = sensitiveVariables(snapshot)
  const ofTools = (step.tools ?? []).flatMap(({ vars, rules }) => [...vars, ...rules.flatMap((rule) => rule.vars)])
  const entries = [...(run.iteration === null ? step.vars.after : (step.loop?.taskVars ?? [])), ...ofTools]
  const layers = outcomeLayers(step.name)
  return entries.some(({ name, value }) => secrets.has(name) && sensitiveReads(value, layers).length > 0)
}

/** A context in which the outcome, and nothing else, is sensitive. */
function outcomeLayers(step: string): ContextLayers {
  const none: ReadonlySet<string> = new Set()
  return {
    locals: Object.fromEntries(OUTCOME_NAMES.map((name) => [name, null])),
    steps: { [step]: new StepValue(null, {}) },
    sensitive: { locals: new Set(OUTCOME_NAMES), vars: none, steps: new Set([step]), workload: none, builtins: none },
  }
}
