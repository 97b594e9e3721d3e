import { isTransientError, TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { isJsonObject, isSameJson, type JsonObject, type JsonValue } from '../core/json.js'
import type { Sql } from '../db/database.js'
import type { ExecutionError, ExecutionRecord } from '../executions/record.js'
import { appendEvents, findExecution, insertExecution, updateExecution } from '../executions/store.js'
import type { Playbook } from '../playbook/model.js'
import { insertTasks, type NewTask } from '../tasks/store.js'
import { type Backstop, createContext, renderTree } from '../template/index.js'
import type { VariableWrite } from '../variables/record.js'
import { isStorableText } from '../variables/validate.js'
import { applyChangeSet } from '../variables/write.js'
import { visitTask } from './apply.js'
import { evaluatingTransaction } from './backstop.js'
import { jobOf } from './context.js'
import type { OrchestratorDependencies } from './dependencies.js'
import type { StartRequest } from './orchestrator.js'
import { insertVisit } from './run-store.js'
import { claimIdempotencyKey, findIdempotent } from './start-store.js'
import { checkStorable, unstorableReason } from './storable.js'

const MAX_KEY_LENGTH = 255

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
    readonly writes: readonly VariableWrite[]
    readonly inherited: JsonObject
    readonly workload: JsonObject | null
    readonly actor: string
  }
  readonly idempotencyKey?: string | null
  readonly requestedVersion?: number | null
}

export interface Begun {
  readonly execution: ExecutionRecord
  readonly tasks: readonly NewTask[]
}

type StartDependencies = Pick<OrchestratorDependencies, 'db' | 'clock' | 'env' | 'elapsedMs'>

/**
 * Creates an execution with its first task, in one transaction. Idempotent by the execution's id, and by the
 * idempotency key where one is given.
 * @throws TransientError CONFLICT when the key was used with another path or workload, VALIDATION when it is no key
 */
export async function beginExecution(deps: StartDependencies, beginning: Beginning): Promise<Begun> {
  const { path, payload, requestedVersion: version = null } = beginning
  const idempotencyKey = beginning.idempotencyKey ?? null
  if (idempotencyKey !== null) checkIdempotencyKey(idempotencyKey)
  const known = idempotencyKey !== null ? await findIdempotent(deps.db, idempotencyKey) : null
  if (known) return repeatedStart(deps, known, beginning)
  const begun = await evaluatingTransaction(deps, async (tx, backstop) => {
    if (idempotencyKey !== null) {
      const isFree = await claimIdempotencyKey(tx, { key: idempotencyKey, executionId: beginning.id, path, version, payload })
      if (!isFree) return null
    }
    return insertBeginning(tx, { ...deps, backstop }, beginning)
  })
  return begun ?? beginExecution(deps, beginning)
}

/** An empty key would look like none; a longer one would not fit its index. */
function checkIdempotencyKey(key: string): void {
  if (key !== '' && key.length <= MAX_KEY_LENGTH && isStorableText(key)) return
  const message = `idempotencyKey: 1 to ${MAX_KEY_LENGTH} characters, without NUL or half a surrogate pair, are possible`
  throw new TransientError('VALIDATION', message, { details: { field: 'idempotencyKey' } })
}

async function repeatedStart(
  { db }: StartDependencies,
  known: { executionId: ExecutionId; path: string; version: number | null; payload: JsonValue },
  { path, payload, requestedVersion = null, idempotencyKey }: Beginning,
): Promise<Begun> {
  const isSame = known.path === path && known.version === requestedVersion && isSameJson(known.payload, payload)
  const execution = isSame ? await findExecution(db, known.executionId) : null
  if (execution) return { execution, tasks: [] }
  const message = `the idempotency key "${idempotencyKey}" was used with another path, version or workload`
  throw new TransientError('CONFLICT', message, { details: { executionId: known.executionId } })
}

async function insertBeginning(
  tx: Sql,
  deps: StartDependencies & { backstop: Backstop },
  beginning: Beginning,
): Promise<Begun | null> {
  const { id, playbook, path, version, payload, parent, rerun } = beginning
  const now = deps.clock.now()
  const { workload, fault } = rerun?.workload
    ? { workload: rerun.workload, fault: null }
    : renderWorkload({
        playbook,
        payload,
        env: deps.env,
        backstop: deps.backstop,
        job: jobOf({ id, playbookPath: path, playbookVersion: version, createdAt: now }),
      })
  const inserted = await insertExecution(tx, {
    id,
    status: 'running',
    playbookPath: path,
    playbookVersion: version,
    workload,
    payload,
    parentId: parent?.id ?? null,
    parentTaskId: parent?.taskId ?? null,
    depth: parent?.depth ?? 0,
    rerunOf: rerun?.of ?? null,
    inherited: rerun?.inherited ?? null,
  })
  if (fault) return { execution: await failAtStart(tx, inserted, { fault, now }), tasks: [] }
  return openFirstVisit(tx, { execution: inserted, beginning, now })
}

async function openFirstVisit(
  tx: Sql,
  { execution, beginning, now }: { execution: ExecutionRecord; beginning: Beginning; now: Date },
): Promise<Begun> {
  const { playbook, rerun } = beginning
  const first = rerun?.step ?? playbook.startStep
  const step = playbook.steps.find((candidate) => candidate.name === first)
  if (!step) throw new TransientError('VALIDATION', `the playbook has no step "${first}"`, { details: { field: 'fromStep' } })
  const { id } = execution
  const writes = rerun?.writes ?? []
  const written = await applyChangeSet(tx, { execution, writes, actor: rerun?.actor ?? 'system', now })
  const data: JsonObject = rerun ? { rerun_of: rerun.of, from_step: first } : {}
  const { revision } = written.execution
  const events = [{ name: 'execution.started', data }]
  const eventSeq = await appendEvents(tx, { executionId: id, eventSeq: execution.eventSeq, revision, events })
  await insertVisit(tx, { executionId: id, run: 1, step: step.name, args: rerun?.args ?? {}, openedSeq: eventSeq })
  const task = visitTask({ playbook, step, execution }, 1)
  await insertTasks(tx, [task])
  const patch = { ...written.execution, eventSeq, runSeq: 1, stepCount: 1 }
  await updateExecution(tx, id, patch)
  return { execution: { ...execution, ...patch }, tasks: [task] }
}

async function failAtStart(
  tx: Sql,
  execution: ExecutionRecord,
  { fault, now }: { fault: TransientError; now: Date },
): Promise<ExecutionRecord> {
  const error: ExecutionError = { code: fault.code, message: fault.message, step: null, attempt: null }
  const events = [
    { name: 'execution.started' },
    { name: 'execution.failed', data: { error: { code: error.code, message: error.message } } },
  ]
  const { eventSeq: before, revision } = execution
  const eventSeq = await appendEvents(tx, { executionId: execution.id, eventSeq: before, revision, events })
  const patch = { status: 'failed' as const, error, eventSeq, finishedAt: now }
  await updateExecution(tx, execution.id, patch)
  return { ...execution, ...patch }
}

/**
 * What is given at start over the playbook's workload, key by key at the top; values of the playbook that are templates
 * are rendered once, top to bottom, unless they are replaced.
 */
function renderWorkload({
  playbook,
  payload,
  env,
  backstop,
  job,
}: {
  playbook: Playbook
  payload: JsonObject
  env: JsonObject
  backstop: Backstop
  job: JsonObject
}): { workload: JsonObject; fault: TransientError | null } {
  let workload: JsonObject = { ...playbook.workload, ...payload }
  const own = Object.entries(playbook.workload).filter(([key]) => !Object.hasOwn(payload, key))
  for (const [key, value] of own) {
    try {
      const context = createContext({
        workload,
        builtins: { job, env, payload, execution_id: job['execution_id'] ?? null },
        backstop,
      })
      workload = { ...workload, [key]: checkStorable(renderTree(value, context, `workload.${key}`), `workload.${key}`) }
    } catch (error) {
      if (!isTransientError(error)) throw error
      return { workload, fault: error }
    }
  }
  return { workload, fault: null }
}

/** @throws TransientError VALIDATION when the workload is no object, or cannot be stored */
export function payloadOf(request: StartRequest): JsonObject {
  const payload = request.workload ?? {}
  const reason = unstorableReason(payload)
  if (reason !== null) throw new TransientError('VALIDATION', `workload: ${reason}`, { details: { field: 'workload' } })
  if (isJsonObject(payload)) return payload
  throw new TransientError('VALIDATION', 'workload: must be an object', { details: { field: 'workload' } })
}
