import type { JsonObject } from '../../core/json.js'
import type { VarEntry } from '../../playbook/model.js'
import { createContext, renderTree } from '../../template/index.js'
import { layersOf } from './context.js'
import { type TrackedResult, trackSensitive } from './sensitive.js'
import type { Snapshot } from './types.js'
import { checkValue, withoutShared } from './vars.js'

/** The `let` of what begins: of a visit, or of an iteration. */
function entriesOf({ step, run }: Snapshot): readonly VarEntry[] {
  return run.iteration === null ? step.locals : (step.loop?.taskLocals ?? [])
}

/**
 * The values of `let`, top to bottom, each entry seeing those above it. They are evaluated once a visit or iteration, and kept: later attempts,
 * and what follows a crash, find the same. Where one reads something sensitive, the run is. null: there is no `let`. Pure.
 * @throws TransientError TEMPLATE_* for the first entry that fails
 */
export function evaluateLocals(snapshot: Snapshot): TrackedResult<JsonObject | null> {
  const entries = entriesOf(snapshot)
  const { run } = snapshot
  if (run.locals !== null || entries.length === 0) return { value: run.locals, isSensitive: run.isSensitive }
  const locals: JsonObject = {}
  let { isSensitive } = run
  for (const { name, value: template, at } of entries) {
    const layers = layersOf({ ...snapshot, run: { ...run, locals, isSensitive } })
    const rendered = trackSensitive({ template, layers, at, unreadable: snapshot.sensitive?.unreadable }, () => {
      const value = renderTree(template, createContext(layers), at)
      checkValue({ name, at }, value, snapshot.evaluationLimits?.budget)
      return withoutShared(value, layers.vars)
    })
    locals[name] = rendered.value
    isSensitive ||= rendered.isSensitive
  }
  checkValue({ name: 'let', at: `${snapshot.step.at}.let` }, locals, snapshot.evaluationLimits?.budget)
  return { value: locals, isSensitive }
}
