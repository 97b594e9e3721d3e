import type { Draft } from '../../commit/draft.js'
import type { FoldedChange } from '../../commit/fold.js'
import { asStored } from '../../core/json.js'
import { variableLocation } from '../../sealing/location.js'
import { withoutSensitive, withSensitive } from '../../sealing/sensitive.js'

/** What the next decision reads: also of a sensitive variable the value itself. */
export function keepValues(draft: Draft, changes: readonly FoldedChange[]): void {
  if (changes.length === 0) return
  const secret: { kind: 'vars'; name: string }[] = []
  const open: { kind: 'vars'; name: string }[] = []
  const vars = { ...draft.vars }
  for (const { executionId, name, revision, operation, value, sealed } of changes) {
    const isSensitive = sealed !== null && sealed !== ''
    ;(isSensitive ? secret : open).push({ kind: 'vars', name })
    if (operation === 'delete') delete vars[name]
    else vars[name] = asStored(isSensitive ? draft.keyRing.open(sealed, variableLocation(executionId, name, revision)) : value)
  }
  draft.sensitive = withoutSensitive(withSensitive(draft.sensitive, secret), open)
  draft.vars = vars
}
