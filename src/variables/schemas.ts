import { LRUCache } from 'lru-cache'
import { isTransientError, TransientError } from '../core/errors.js'
import type { ExecutionRecord } from '../executions/record.js'
import type { Playbook, PlaybookSchema } from '../playbook/model.js'

/** What the playbook of an execution says of its variables. @throws UnknownSchema for a version that this process has not looked at yet */
export type SchemaOf = (execution: Pick<ExecutionRecord, 'playbookPath' | 'playbookVersion'>) => PlaybookSchema | null

/** Nothing was written: the playbook has to be read first, which a work, being synchronous, cannot do. */
class UnknownSchema extends TransientError {
  readonly path: string
  readonly version: number

  constructor(path: string, version: number) {
    super('INTERNAL', `the schema of playbook "${path}" was not read`)
    this.path = path
    this.version = version
  }
}

const MAX_KEPT = 1000

/** Schemas of the playbooks whose executions are written to. An execution without a playbook costs nothing. */
export function createSchemas(model: ((path: string, version: number) => Promise<Pick<Playbook, 'schema'>>) | undefined) {
  const kept = new LRUCache<string, { readonly schema: PlaybookSchema | null }>({ max: MAX_KEPT })
  return {
    /** Carries a write out, once more where the schema had to be read first. */
    async use<T>(write: (schemaOf: SchemaOf) => Promise<T>): Promise<T> {
      let read: { readonly key: string; readonly schema: PlaybookSchema | null } | null = null
      const schemaOf: SchemaOf = ({ playbookPath: path, playbookVersion: version }) => {
        if (path === null || version === null || model === undefined) return null
        const key = `${version} ${path}`
        const known = read?.key === key ? read : kept.get(key)
        if (known === undefined) throw new UnknownSchema(path, version)
        return known.schema
      }
      try {
        return await write(schemaOf)
      } catch (error) {
        if (!(error instanceof UnknownSchema) || model === undefined) throw error
        const { path, version } = error
        const { schema } = await model(path, version).catch(withoutSchema)
        read = { key: `${version} ${path}`, schema }
        kept.set(read.key, read)
        return write(schemaOf)
      }
    },
  }
}

/** An execution goes on whose playbook is gone, or is none any more by newer rules. */
function withoutSchema(error: unknown): Pick<Playbook, 'schema'> {
  if (isTransientError(error) && ['NOT_FOUND', 'PLAYBOOK_INVALID'].includes(error.code)) return { schema: null }
  throw error
}
