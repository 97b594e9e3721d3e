import { RemoveVariableDocument, SetVariableDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault } from '../lib/faults.js'
import { ownerOf } from '../lib/owner.js'
import { parseDraft } from '../lib/parse-draft.js'
import { createStore } from '../lib/store.js'
import type { Base } from './use-variable-draft.js'

/** A variable that was deleted on this page, and can be put back. */
export interface Removal {
  readonly id: string
  readonly name: string
  readonly base: Base
}

/** The last deletion; it waits for an undo until it is dismissed or another one follows. */
export const removal = createStore<Removal | null>(null)

/** Deletes a variable if it is still at that version; returns what went wrong, or null. */
export async function remove({ id, name, base }: Removal): Promise<Fault | null> {
  const input = { ...ownerOf(id), name, expectedVersion: base.version }
  const fault = describeError((await client.mutation(RemoveVariableDocument, { input }).toPromise()).error)
  // Nobody outside of the server has a sensitive value: there is nothing to put back.
  if (fault === null) removal.set(base.isSensitive ? null : { id, name, base })
  return fault
}

/** Puts it back as it was, unless somebody has created it again; returns what went wrong, or null. */
export async function undoRemoval({ id, name, base }: Removal): Promise<Fault | null> {
  const parsed = parseDraft(base.text)
  const value = 'value' in parsed ? parsed.value : null
  const { type, sourceStep } = base
  const input = { ...ownerOf(id), name, value, type, sourceStep, expectedVersion: 0 }
  const fault = describeError((await client.mutation(SetVariableDocument, { input }).toPromise()).error)
  if (fault === null) removal.set(null)
  return fault
}
