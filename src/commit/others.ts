import type { JsonObject } from '../core/json.js'
import { variableLocation } from '../sealing/location.js'
import { opened, type SensitiveFault } from '../sealing/sensitive.js'
import { foldInto } from './change-set.js'
import { type Draft, record } from './draft.js'
import { foldChangeSet } from './fold.js'
import type { WriteRequest } from './record.js'

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

type GlobalsWrite = Pick<WriteRequest, 'writes' | 'actor'> & { readonly now: Date }

/**
 * Whether a step's operations on its space can be folded: asked before anything of the step is, as all of it is written, or nothing.
 * @throws TransientError VALIDATION, TOO_LARGE
 */
export function checkGlobals({ space }: Draft, { writes, actor, now }: GlobalsWrite): void {
  if (writes.length === 0) return
  if (space === null) throw new Error('a space is written that was not locked')
  const { execution, present, tombstones, keyRing } = space
  foldChangeSet({ execution, present, tombstones, writes, actor, now, keyRing })
}

/** Carries a step's operations out on its space, as one change set. */
export function writeGlobals({ space }: Draft, { writes, actor, now }: GlobalsWrite): void {
  if (space === null || writes.length === 0) return
  const { changes } = foldInto(space, { writes, actor, now })
  if (changes.length === 0) return
  const data = { actor, count: changes.length }
  record(space, [{ name: 'variables.changed', step: null, run: null, attempt: null, data }])
}
