import type { CatalogService } from '../../catalog/service.js'
import type { Computing } from '../../commit/computed.js'
import { loadRun } from '../../commit/run-store.js'
import { createBatcher } from '../../core/batcher.js'
import type { ExecutionId } from '../../core/ids.js'
import { type JsonObject, jsonSize } from '../../core/json.js'
import type { Database } from '../../db/database.js'
import type { ExecutionRecord } from '../../executions/record.js'
import { findExecution, findExecutions } from '../../executions/store.js'
import type { Playbook } from '../../playbook/model.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import type { Sensitive } from '../../sealing/sensitive.js'
import { parseTaskId } from '../../tasks/record.js'
import { jobOf } from '../decide/context.js'
import { type OpenedInput, openInput } from '../start/sealed-input.js'

/** What of an execution never changes after its start; a workload may have a megabyte, so it is read and parsed once. */
export type ExecutionInput = Pick<ExecutionRecord, 'workload' | 'payload' | 'inherited'>

export interface KnownExecution {
  readonly playbook: Playbook
  readonly input: ExecutionInput
  readonly sensitive: Sensitive | null
  /** The execution whose step started it, and the one at which that began. null where there is none (any more), and where its playbook writes to none. */
  readonly parent: Ancestor | null
  readonly root: Ancestor | null
}

/** An execution whose variables a child may change. */
export interface Ancestor {
  readonly executionId: ExecutionId
  /** The step that started the child, or an ancestor of it, and the variables that it accepts changes of. */
  readonly step: string
  readonly accept: readonly string[]
  readonly known: KnownExecution
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
  readonly parent: Birth | null
  playbook: Playbook | null
  /** null: they were not looked for. */
  ancestors: Pick<KnownExecution, 'parent' | 'root'> | null
}

/** Which task of which execution started a child. */
interface Birth {
  readonly executionId: ExecutionId
  readonly run: number
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
    const { playbookPath: path, playbookVersion: version, parentId, parentTaskId } = execution
    const input = openInput(execution, keyRing)
    const { workload, payload, inherited } = input
    const bytes = ENTRY_BYTES + jsonSize([workload, payload, inherited])
    const parent =
      parentId === null || parentTaskId === null ? null : { executionId: parentId, run: parseTaskId(parentTaskId).run }
    return { path, version, input, bytes, parent, playbook: null, ancestors: null }
  }

  async function entryOf(executionId: ExecutionId): Promise<(Kept & { playbook: Playbook }) | null> {
    const entry = known.get(executionId) ?? (await load(executionId))
    if (!entry) return null
    keep(executionId, entry)
    entry.playbook = await catalog.model(entry.path, entry.version)
    return { ...entry, playbook: entry.playbook }
  }

  /** The parent and the root of an execution whose playbook writes to them. */
  async function ancestorsOf({
    parent: birth,
    playbook,
  }: Kept & { playbook: Playbook }): Promise<NonNullable<Kept['ancestors']>> {
    if (birth === null || !writesToAncestors(playbook)) return NO_ANCESTORS
    const parent = await ancestorAt(birth)
    let root = parent
    for (let next = parent?.birth ?? null; next; next = root?.birth ?? null) root = await ancestorAt(next)
    return { parent: parent?.ancestor ?? null, root: root?.ancestor ?? null }
  }

  async function ancestorAt({ executionId, run }: Birth): Promise<{ ancestor: Ancestor; birth: Birth | null } | null> {
    const [entry, started] = await Promise.all([entryOf(executionId), loadRun(db, executionId, run)])
    const step = entry?.playbook.steps.find(({ name }) => name === started?.step)
    if (!entry || !step) return null
    const ancestor = { executionId, step: step.name, accept: step.accept, known: shown({ ...entry, ancestors: NO_ANCESTORS }) }
    return { ancestor, birth: entry.parent }
  }

  return {
    async of(executionId) {
      const entry = await entryOf(executionId)
      if (!entry) return null
      const ancestors = known.get(executionId)?.ancestors ?? (await ancestorsOf(entry))
      const kept = known.get(executionId)
      if (kept) kept.ancestors = ancestors
      return shown({ ...entry, ancestors })
    },
    peek(executionId) {
      const { playbook, ancestors, ...entry } = known.get(executionId) ?? { playbook: null, ancestors: null }
      return playbook && ancestors && 'input' in entry ? shown({ ...entry, playbook, ancestors }) : null
    },
  }
}

const NO_ANCESTORS = { parent: null, root: null } as const

function writesToAncestors({ steps }: Playbook): boolean {
  return steps.some(({ operations, loop }) =>
    [operations, loop?.taskOperations].some((one) => one && one.parent.length + one.root.length > 0),
  )
}

interface Found extends Pick<Kept, 'input'> {
  readonly playbook: Playbook
  readonly ancestors: NonNullable<Kept['ancestors']>
}

function shown({ input: { sensitive, ...input }, playbook, ancestors }: Found): KnownExecution {
  return { playbook, input, sensitive, ...ancestors }
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
