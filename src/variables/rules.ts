import { LRUCache } from 'lru-cache'
import type { Computing } from '../commit/computed.js'
import { isTransientError, TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import type { ExecutionRecord } from '../executions/record.js'
import type { Playbook, PlaybookSchema } from '../playbook/model.js'

/** What the playbook of an execution says of its variables. */
export interface VariableRules {
  readonly schema: PlaybookSchema | null
  /** null where it computes none. */
  readonly computing: Computing | null
}

/** @throws UnknownRules where they have to be read first */
export type RulesOf = (execution: Pick<ExecutionRecord, 'id' | 'playbookPath' | 'playbookVersion'>) => VariableRules

type Model = Pick<Playbook, 'schema' | 'computed'>

export interface RulesSource {
  /** A version of a playbook. */
  readonly model: (path: string, version: number) => Promise<Model>
  /** What expressions of an execution's computed variables read beside variables. */
  readonly given: (executionId: ExecutionId) => Promise<Omit<Computing, 'variables'> | null>
}

/** Nothing was written: something has to be read first, which a work, being synchronous, cannot do. */
class UnknownRules extends TransientError {
  readonly read: () => Promise<void>

  constructor(what: string, read: () => Promise<void>) {
    super('INTERNAL', `${what} was not read`)
    this.read = read
  }
}

const MAX_KEPT = 1000
const NOTHING: Model = { schema: null, computed: [] }
const NO_RULES: VariableRules = { schema: null, computing: null }

/** Rules of the playbooks whose executions are written to. An execution without a playbook costs nothing. */
export function createRules(source: RulesSource | undefined) {
  const models = new LRUCache<string, Model>({ max: MAX_KEPT })
  const ofExecutions = new LRUCache<ExecutionId, Computing>({ max: MAX_KEPT })
  return {
    /** Carries a write out, again where its execution's rules had to be read first. */
    async use<T>(write: (rulesOf: RulesOf) => Promise<T>): Promise<T> {
      if (!source) return write(() => NO_RULES)
      // What this write has read: the caches may be too small for all that is written at once.
      const read = { key: '', model: NOTHING, computing: new Map<ExecutionId, Computing | null>() }
      const rulesOf: RulesOf = ({ id, playbookPath: path, playbookVersion: version }) => {
        if (path === null || version === null) return NO_RULES
        const key = `${version} ${path}`
        const model = read.key === key ? read.model : models.get(key)
        if (model === undefined) {
          throw new UnknownRules(`playbook "${path}"`, async () => {
            read.model = await source.model(path, version).catch(withoutRules)
            read.key = key
            models.set(key, read.model)
          })
        }
        const { schema, computed } = model
        if (computed.length === 0) return { schema, computing: null }
        const computing = ofExecutions.get(id) ?? read.computing.get(id)
        if (computing === undefined) {
          throw new UnknownRules(`execution ${id}`, async () => {
            const given = await source.given(id)
            read.computing.set(id, given && { ...given, variables: computed })
            if (given) ofExecutions.set(id, { ...given, variables: computed })
          })
        }
        return { schema, computing }
      }
      for (;;) {
        try {
          return await write(rulesOf)
        } catch (error) {
          if (!(error instanceof UnknownRules)) throw error
          await error.read()
        }
      }
    },
  }
}

/** An execution goes on whose playbook is gone, or is none any more by newer rules. */
function withoutRules(error: unknown): Model {
  if (isTransientError(error) && ['NOT_FOUND', 'PLAYBOOK_INVALID'].includes(error.code)) return NOTHING
  throw error
}
