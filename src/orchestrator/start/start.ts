import { createCommitQueue } from '../../commit/queue.js'
import { TransientError } from '../../core/errors.js'
import type { ExecutionId } from '../../core/ids.js'
import { isJsonObject, isSameJson, type JsonObject, type JsonValue } from '../../core/json.js'
import { isStorableText } from '../../core/text.js'
import type { Database } from '../../db/database.js'
import type { ExecutionRecord } from '../../executions/record.js'
import { readExecution } from '../../executions/record-store.js'
import type { Playbook } from '../../playbook/model.js'
import { type KeyRing, NO_KEYS } from '../../sealing/key-ring.js'
import { runLocation } from '../../sealing/location.js'
import { createBudget, type EvaluationLimits, EvaluationTimeout } from '../../template/index.js'
import type { VariableWrite } from '../../variables/record.js'
import { writeChanges } from '../../variables/write/change-store.js'
import { foldChangeSet } from '../../variables/write/fold.js'
import { visitTask } from '../advance/apply.js'
import type { AfterCommit } from '../after-commit.js'
import { jobOf } from '../decide/context.js'
import { forbiddenKey, unstorableReason } from '../decide/storable.js'
import type { OrchestratorDependencies } from '../dependencies.js'
import type { StartRequest } from '../orchestrator.js'
import { checkedWorkload } from './check-workload.js'
import { insertNewExecutions, jsonText, type NewExecution } from './new-execution-store.js'
import { renderWorkload } from './render-workload.js'
import { openPayload, sealInput, sealPayload } from './sealed-input.js'
import { claimIdempotencyKey, findIdempotent, type IdempotentRow } from './start-store.js'

const MAX_KEY_LENGTH = 255
/** Executions in one statement, at most, and the characters of what they were given. */
const MAX_EXECUTIONS = 64
const MAX_SIZE = 1024 * 1024
const MAX_STATEMENTS = 2

export interface Beginning {
  readonly id: ExecutionId
  readonly playbook: Playbook
  readonly path: string
  readonly version: number
  readonly payload: JsonObject
  readonly parent?: { readonly id: ExecutionId; readonly taskId: string; readonly depth: number }
  /** A rerun goes on from here instead of from the first step. */
  readonly rerun?: {
    readonly of: ExecutionId
    readonly step: string
    readonly args: JsonObject
    readonly isArgsSensitive: boolean
    readonly writes: readonly VariableWrite[]
    readonly inherited: JsonObject
    readonly workload: JsonObject | null
    readonly actor: string
    /** What was sensitive of the execution before. */
    readonly sensitive: readonly string[]
  }
  /** Keys of the payload that come from something sensitive of the parent. */
  readonly sensitiveKeys?: readonly string[]
  readonly idempotencyKey?: string | null
  readonly requestedVersion?: number | null
}

export interface Begun {
  readonly execution: ExecutionRecord
  /** false: it was begun before, with the same idempotency key. */
  readonly isNew: boolean
}

export type StartDependencies = Pick<OrchestratorDependencies, 'db' | 'clock' | 'env' | 'elapsedMs' | 'keyRing'> &
  Pick<AfterCommit, 'publish'> & {
    /** Those that come at the same time share a statement. */
    readonly insert: InsertExecution
  }

type InsertExecution = (planned: NewExecution) => Promise<ExecutionRecord>

/** Group commit of starts: executions that begin at the same time share a statement. */
export function createStartQueue(db: Database): InsertExecution {
  const queue = createCommitQueue<NewExecution, ExecutionRecord>({
    executionOf: ({ origin }) => origin.id,
    sizeOf: ({ texts: { workload, payload } }) =>
      Math.max(MAX_SIZE / MAX_EXECUTIONS, (workload?.length ?? 0) + (payload?.length ?? 0)),
    ...{ maxSize: MAX_SIZE, maxTransactions: MAX_STATEMENTS },
    commit: async (executions) => (await insertNewExecutions(db, executions)).map((value) => ({ value })),
  })
  return queue.push
}

/**
 * Creates an execution with its first task, in one transaction. Idempotent by the execution's id, and by the
 * idempotency key where one is given.
 * @throws TransientError CONFLICT when the key was used with another path or workload, VALIDATION when it is no key, or the workload does
 * not fit the playbook's schema (of a child: SCHEMA); then nothing is created
 */
export async function beginExecution(deps: StartDependencies, beginning: Beginning): Promise<Begun> {
  const { id, path, payload, requestedVersion: version = null } = beginning
  const key = beginning.idempotencyKey ?? null
  if (key !== null) checkIdempotencyKey(key)
  const known = key !== null ? await findIdempotent(deps.db, key) : null
  if (known) return repeatedStart(deps, known, beginning)
  const { keyRing = NO_KEYS } = deps
  if (beginning.playbook.sensitive.length > 0) keyRing.checkKeys(`a playbook with "sensitive" (${path})`)
  const planned = planExecution(deps, beginning)
  const tasks = planned.task ? [planned.task] : []
  if (key === null && planned.changes.length === 0) {
    const execution = await deps.insert(planned)
    await deps.publish({ execution, tasks })
    return { execution, isNew: true }
  }
  const execution = await deps.db.transaction(async (tx) => {
    if (
      key !== null &&
      !(await claimIdempotencyKey(tx, {
        key,
        executionId: id,
        path,
        version,
        ...sealPayload(id, { payload, sensitive: planned.origin.sensitive, keyRing }),
      }))
    )
      return null
    const [inserted] = await insertNewExecutions(tx, [planned])
    const changes = planned.changes.map((change) => ({ ...change, isCreated: true, replaced: null }))
    if (changes.length > 0) await writeChanges(tx, { changes, executions: [], events: [], keyRing })
    return inserted ?? null
  })
  if (execution === null) return beginExecution(deps, beginning)
  await deps.publish({ execution, tasks })
  return { execution, isNew: true }
}

/** An empty key would look like none; a longer one would not fit its index. */
function checkIdempotencyKey(key: string): void {
  if (key !== '' && key.length <= MAX_KEY_LENGTH && isStorableText(key)) return
  const message = `idempotencyKey: 1 to ${MAX_KEY_LENGTH} characters, without NUL or half a surrogate pair, are possible`
  throw new TransientError('VALIDATION', message, { details: { field: 'idempotencyKey' } })
}

async function repeatedStart(
  { db, keyRing = NO_KEYS }: StartDependencies,
  known: IdempotentRow,
  { path, payload, requestedVersion = null, idempotencyKey }: Beginning,
): Promise<Begun> {
  const given = openPayload(known, keyRing)
  const isSame = known.path === path && known.version === requestedVersion && isSameJson(given, payload)
  const execution = isSame ? await readExecution(db, known.executionId) : null
  if (execution) return { execution, isNew: false }
  const message = `the idempotency key "${idempotencyKey}" was used with another path, version or workload`
  throw new TransientError('CONFLICT', message, { details: { executionId: known.executionId } })
}

/** What the execution is born with: its first visit and task, or, where its workload cannot be rendered, its failure. */
function planExecution(deps: StartDependencies, beginning: Beginning): NewExecution {
  const { id, playbook, path, version, payload, parent, rerun } = beginning
  const now = deps.clock.now()
  const job = jobOf({ id, playbookPath: path, playbookVersion: version, createdAt: now })
  const named = [
    ...playbook.sensitive,
    ...(beginning.sensitiveKeys ?? []).map((key) => `workload.${key}`),
    ...(rerun?.sensitive ?? []),
  ]
  const rendered = rerun?.workload
    ? { workload: rerun.workload, sensitive: named, fault: null }
    : withSecondTry(deps, (evaluationLimits) =>
        renderWorkload({ playbook, payload, sensitive: named, env: deps.env, evaluationLimits, job }),
      )
  const { sensitive, fault } = rendered
  const isGiven = fault !== null || rerun?.workload != null || playbook.schema === null
  const workload = isGiven
    ? rendered.workload
    : checkedWorkload(playbook.schema, { workload: rendered.workload, sensitive, isChild: parent !== undefined })
  const input = sealInput(
    id,
    { workload, payload, inherited: rerun?.inherited ?? null },
    { sensitive, keyRing: deps.keyRing ?? NO_KEYS },
  )
  const origin = {
    ...{ id, playbookPath: path, playbookVersion: version, depth: parent?.depth ?? 0 },
    ...{ parentId: parent?.id ?? null, parentTaskId: parent?.taskId ?? null },
    ...{ rerunOf: rerun?.of ?? null, sensitive: [...new Set(sensitive)], ...input },
  }
  const texts = { workload: jsonText(input.workload), payload: jsonText(input.payload) }
  return { origin, texts, ...(fault ? planFailed(fault, now) : planOpen(deps, beginning, now)) }
}

type Outset = Omit<NewExecution, 'origin' | 'texts'>

function planOpen({ keyRing = NO_KEYS }: StartDependencies, { id, playbook, rerun }: Beginning, now: Date): Outset {
  const first = rerun?.step ?? playbook.startStep
  const step = playbook.steps.find((candidate) => candidate.name === first)
  if (!step) throw new TransientError('VALIDATION', `the playbook has no step "${first}"`, { details: { field: 'fromStep' } })
  const unborn = { id, revision: 0, variableCount: 0, variableBytes: 0 }
  const nothing = { present: new Map(), tombstones: new Map() }
  const { revision, variableCount, variableBytes, changes } = foldChangeSet({
    ...{ execution: unborn, ...nothing, writes: rerun?.writes ?? [], actor: rerun?.actor ?? 'system', now },
    ...{ keyRing, declared: new Set([...playbook.sensitive, ...(rerun?.sensitive ?? [])]) },
  })
  const data: JsonObject = rerun ? { rerun_of: rerun.of, from_step: first } : {}
  return {
    ...{ status: 'running', error: null, finishedAt: null, revision, variableCount, variableBytes, changes },
    events: [{ name: 'execution.started', data }],
    visit: { step: step.name, ...firstArgs(id, rerun, keyRing) },
    task: visitTask({ playbook, step, execution: { id } }, 1),
  }
}

/** The arguments that a rerun's first step gets. */
function firstArgs(id: ExecutionId, rerun: Beginning['rerun'], keyRing: KeyRing): { args: JsonObject; sealed: string | null } {
  const { args = {}, isArgsSensitive = false } = rerun ?? {}
  if (!isArgsSensitive) return { args, sealed: null }
  return { args: {}, sealed: keyRing.seal({ args }, runLocation(id, 1)) }
}

function planFailed(fault: TransientError, now: Date): Outset {
  const { code, message } = fault
  return {
    ...{ status: 'failed', error: { code, message, step: null, attempt: null }, finishedAt: now, changes: [] },
    ...{ revision: 0, variableCount: 0, variableBytes: 0, visit: null, task: null },
    events: [
      { name: 'execution.started', data: null },
      { name: 'execution.failed', data: { error: { code, message } } },
    ],
  }
}

/** The clock stops an evaluation only when it does so twice: the machine may have hung. */
function withSecondTry<T>(
  { elapsedMs = () => performance.now() }: StartDependencies,
  evaluate: (evaluationLimits: EvaluationLimits) => T,
): T {
  try {
    return evaluate({ elapsedMs, isLastTry: false, budget: createBudget() })
  } catch (error) {
    if (!(error instanceof EvaluationTimeout)) throw error
    return evaluate({ elapsedMs, isLastTry: true, budget: createBudget() })
  }
}

/** @throws TransientError VALIDATION when the workload is no object, cannot be stored, or has a key that is not allowed */
export function payloadOf(request: StartRequest): JsonObject {
  const payload = request.workload ?? {}
  const reason = unstorableReason(payload) ?? forbiddenReason(payload)
  if (reason !== null) throw new TransientError('VALIDATION', `workload: ${reason}`, { details: { field: 'workload' } })
  if (isJsonObject(payload)) return payload
  throw new TransientError('VALIDATION', 'workload: must be an object', { details: { field: 'workload' } })
}

function forbiddenReason(payload: JsonValue): string | null {
  const key = forbiddenKey(payload)
  return key === null ? null : `the key "${key}" is not allowed`
}
