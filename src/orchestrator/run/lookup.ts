import type { CatalogService } from '../../catalog/service.js'
import type { Computing } from '../../commit/computed.js'
import { createBatcher } from '../../core/batcher.js'
import type { ExecutionId } from '../../core/ids.js'
import { type JsonObject, jsonSize } from '../../core/json.js'
import type { Database } from '../../db/database.js'
import type { ExecutionRecord } from '../../executions/record.js'
import { findExecution, findExecutions } from '../../executions/store.js'
import type { Playbook } from '../../playbook/model.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import type { Sensitive } from '../../sealing/sensitive.js'
import { jobOf } from '../decide/context.js'
import { type OpenedInput, openInput } from '../start/sealed-input.js'

/** What of an execution never changes after its start; a workload may have a megabyte, so it is read and parsed once. */
export type ExecutionInput = Pick<ExecutionRecord, 'workload' | 'payload' | 'inherited'>

export interface KnownExecution {
  readonly playbook: Playbook
  readonly input: ExecutionInput
  readonly sensitive: Sensitive | null
}

/** Finds the playbook that an execution runs, and what it was given at its start. */
export interface ExecutionLookup {
  of(executionId: ExecutionId): Promise<KnownExecution | null>
  /** The same, if it is known already. */
  peek(executionId: ExecutionId): KnownExecution | null
}

interface Kept {
  readonly path: string
  readonly version: number
  readonly input: OpenedInput
  readonly bytes: number
  playbook: Playbook | null
}

const MAX_BYTES = 64 * 1024 * 1024
/** Of an entry beside its JSON. */
const ENTRY_BYTES = 1024

interface LookupDependencies {
  readonly db: Database
  readonly catalog: CatalogService
  readonly keyRing: KeyRing
}

/** Never to be called inside a transaction: it reads through the database, on another connection. */
export function createExecutionLookup({ db, catalog, keyRing }: LookupDependencies): ExecutionLookup {
  /** The least recently used first. */
  const known = new Map<ExecutionId, Kept>()
  let bytes = 0

  function keep(executionId: ExecutionId, entry: Kept): void {
    bytes += entry.bytes - (known.get(executionId)?.bytes ?? 0)
    known.delete(executionId)
    known.set(executionId, entry)
    for (const [oldest, { bytes: freed }] of known) {
      if (bytes <= MAX_BYTES || oldest === executionId) return
      known.delete(oldest)
      bytes -= freed
    }
  }

  /** Executions that were started together are read together. */
  const find = createBatcher<ExecutionId, ExecutionRecord | null>({
    groupOf: () => '',
    load: async (ids) => (await findExecutions(db, ids)).map((execution) => () => execution),
  })

  async function load(executionId: ExecutionId): Promise<Kept | null> {
    const execution = await find(executionId)
    if (!execution || execution.playbookPath === null || execution.playbookVersion === null) return null
    const { playbookPath: path, playbookVersion: version } = execution
    const input = openInput(execution, keyRing)
    const { workload, payload, inherited } = input
    return { path, version, input, bytes: ENTRY_BYTES + jsonSize([workload, payload, inherited]), playbook: null }
  }

  return {
    async of(executionId) {
      const entry = known.get(executionId) ?? (await load(executionId))
      if (!entry) return null
      keep(executionId, entry)
      entry.playbook = await catalog.model(entry.path, entry.version)
      return shown(entry, entry.playbook)
    },
    peek(executionId) {
      const entry = known.get(executionId)
      return entry?.playbook ? shown(entry, entry.playbook) : null
    },
  }
}

function shown({ input: { sensitive, ...input } }: Kept, playbook: Playbook): KnownExecution {
  return { playbook, input, sensitive }
}

/** What the expressions of an execution's computed variables read beside variables; null where there is no such execution. */
export async function readGiven(
  { db, keyRing }: Pick<LookupDependencies, 'db' | 'keyRing'>,
  executionId: ExecutionId,
): Promise<Omit<Computing, 'variables'> | null> {
  const execution = await findExecution(db, executionId)
  if (!execution) return null
  const { workload, sensitive } = openInput(execution, keyRing)
  return { workload: (workload ?? {}) as JsonObject, sensitive, job: jobOf(execution) }
}
