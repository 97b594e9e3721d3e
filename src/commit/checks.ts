import { TransientError } from '../core/errors.js'
import type { JsonValue } from '../core/json.js'
import { isSpaceId } from '../core/space.js'
import type { PlaybookSchema } from '../playbook/model.js'
import { didYouMean } from '../playbook/suggest.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { variableLocation } from '../sealing/location.js'
import { type ChangeRecord, tooLarge, VARIABLE_LIMITS, type VariableLimits } from './record.js'

/** A change set as it would stand. */
interface Folded {
  readonly changes: readonly Change[]
  readonly variableCount: number
  readonly variableBytes: number
}

interface Change extends Pick<ChangeRecord, 'executionId' | 'revision' | 'name' | 'operation' | 'value' | 'sealed'> {
  readonly isCreation: boolean
  readonly size: number
  readonly grownBy: number
}

/** What it is folded over. */
interface Before {
  readonly execution: { readonly id: string; readonly variableCount: number; readonly variableBytes: number }
  readonly limits?: VariableLimits
  readonly schema?: PlaybookSchema | null
  readonly keyRing: KeyRing
}

/** What must hold after every change set that changes something: each throws what refuses all of it. A new one is a line here. */
export const CHECKS: readonly ((folded: Folded, before: Before) => void)[] = [checkLimits, checkSchemas]

/** What each value, and all of the execution, may take; deletes of the same change set make room. */
function checkLimits({ changes, variableCount, variableBytes }: Folded, { execution, limits = VARIABLE_LIMITS }: Before): void {
  let count = execution.variableCount
  let bytes = execution.variableBytes
  let overCount = ''
  let overBytes = ''
  for (const { name, operation, sealed, isCreation, size, grownBy } of changes) {
    if (size > limits.valueBytes) {
      const shown = sealed === null ? size : null
      throw tooLarge({ what: 'its value', limit: limits.valueBytes, size: shown, unit: 'bytes', variable: name })
    }
    count += operation === 'delete' ? -1 : Number(isCreation)
    bytes += grownBy
    if (count > limits.variableCount) overCount ||= name
    if (bytes > limits.executionBytes) overBytes ||= name
  }
  // An execution that is over already (taken over, or a limit lowered) may shrink.
  if (variableCount > limits.variableCount && variableCount > execution.variableCount) {
    const size = { limit: limits.variableCount, size: variableCount, unit: 'variables' }
    throw tooLarge({ what: isSpaceId(execution.id) ? 'the space' : 'the execution', ...size, variable: overCount })
  }
  if (variableBytes > limits.executionBytes && variableBytes > execution.variableBytes) {
    const size = { limit: limits.executionBytes, size: variableBytes, unit: 'bytes' }
    throw tooLarge({ what: isSpaceId(execution.id) ? 'the space' : 'the execution', ...size, variable: overBytes })
  }
}

/**
 * Whether each value that a change set leaves fits the schema of its variable; of a sensitive one, what its mask hides.
 * @throws TransientError SCHEMA with `variable`, `path` and `keyword`, which say nothing of what is sensitive
 */
function checkSchemas({ changes }: Folded, { schema, keyRing }: Before): void {
  if (!schema) return
  for (const { executionId, revision, name, operation, value, sealed } of changes) {
    if (operation === 'delete') continue
    if (schema.names !== null && !schema.names.has(name)) throw undeclared(name, schema.names)
    const check = schema.vars.get(name)
    if (!check) continue
    const plain: JsonValue = sealed === null ? value : keyRing.open(sealed, variableLocation(executionId, name, revision))
    const [first, ...others] = check(plain)
    if (!first) continue
    const { keyword } = first
    const what = `variable "${name}": its value does not fit its schema`
    const details = { variable: name, path: sealed === null ? first.path : '', keyword }
    if (sealed !== null) throw new TransientError('SCHEMA', `${what}; it is sensitive, so that no more is said`, { details })
    const more = others.length > 0 ? ` (and ${others.length} more)` : ''
    throw new TransientError('SCHEMA', `${what}: ${first.path === '' ? '' : `${first.path} `}${first.message}${more}`, {
      details,
    })
  }
}

function undeclared(name: string, names: ReadonlySet<string>): TransientError {
  const message = `variable "${name}": it is not declared in the playbook's schema, which is closed${didYouMean(name, names)}`
  return new TransientError('SCHEMA', message, { details: { variable: name, path: '', keyword: 'closed' } })
}
