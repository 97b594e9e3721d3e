import type { JsonObject } from '../core/json.js'
import { variableLocation } from '../sealing/location.js'
import { opened, type SensitiveFault } from '../sealing/sensitive.js'
import { type Folding, foldInto, tryFold } from './change-set.js'
import { checkRunning, type Draft, record } from './draft.js'

/** What templates read of a playbook's space. */
export interface ReadGlobals {
  readonly revision: number
  readonly values: JsonObject
  /** What of it is sensitive, and why it cannot be read where it cannot. */
  readonly sensitive: readonly SensitiveFault[]
}

/** The space as it was loaded, with what this transaction has written to it since; null: nothing was loaded. */
export function globalsOf({ globals, space, keyRing }: Draft): ReadGlobals | null {
  if (globals === null) return null
  const values = { ...globals.values }
  const sealed = new Map(globals.sealed)
  for (const { name } of space?.changes ?? []) {
    const variable = space?.present.get(name)
    sealed.delete(name)
    delete values[name]
    if (!variable) continue
    values[name] = variable.value
    if (variable.sealed !== null) sealed.set(name, { sealed: variable.sealed, revision: variable.revision })
  }
  const sensitive: SensitiveFault[] = []
  for (const [name, hidden] of sealed) {
    const { value, fault } = opened(() => keyRing.open(hidden.sealed, variableLocation(globals.spaceId, name, hidden.revision)))
    values[name] = value
    sensitive.push({ kind: 'globals', name, fault })
  }
  const isWritten = space !== null && space.changes.length > 0
  return { revision: isWritten ? space.execution.revision : globals.revision, values, sensitive }
}

/** A change set on variables of somebody else than the work's own execution: of its space, or of an ancestor. */
export interface OtherWrite extends Omit<Folding, 'sensitive'> {
  readonly target: Draft
  /** What the event says beside the actor and the count. */
  readonly data?: JsonObject
}

/**
 * Whether change sets on variables of others can be folded: asked before anything of a step is, as all of it is written, or nothing.
 * @throws TransientError VALIDATION, TOO_LARGE, SCHEMA, COMPUTED_FAILED, EXECUTION_FINISHED
 */
export function checkOthers(writes: readonly OtherWrite[]): void {
  for (const { target, ...folding } of writes) {
    checkRunning(target)
    tryFold(target, folding)
  }
}

/** Carries them out, each as one revision. */
export function writeOthers(writes: readonly OtherWrite[]): void {
  for (const { target, data, ...folding } of writes) {
    const { changes } = foldInto(target, folding)
    if (changes.length === 0) continue
    const said = { actor: folding.actor, count: changes.length, ...data }
    record(target, [{ name: 'variables.changed', step: null, run: null, attempt: null, data: said }])
  }
}
