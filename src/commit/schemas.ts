import { TransientError } from '../core/errors.js'
import type { JsonValue } from '../core/json.js'
import type { PlaybookSchema } from '../playbook/model.js'
import { didYouMean } from '../playbook/suggest.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { variableLocation } from '../sealing/location.js'
import type { ChangeRecord } from './record.js'

interface Changed {
  readonly changes: readonly Pick<ChangeRecord, 'executionId' | 'revision' | 'name' | 'operation' | 'value' | 'sealed'>[]
}

interface Checking {
  readonly schema?: PlaybookSchema | null
  readonly keyRing: KeyRing
}

/**
 * Whether each value that a change set leaves fits the schema of its variable; of a sensitive one, what its mask hides.
 * @throws TransientError SCHEMA with `variable`, `path` and `keyword`, which say nothing of what is sensitive
 */
export function checkSchemas({ changes }: Changed, { schema, keyRing }: Checking): void {
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
