import { foldInto } from '../../commit/change-set.js'
import type { Computing } from '../../commit/computed.js'
import { type Draft, type Origin, patch, record } from '../../commit/draft.js'
import { jsonText } from '../../commit/flush.js'
import type { CommitQueue } from '../../commit/queue.js'
import type { VariableWrite } from '../../commit/record.js'
import { isTransientError, TransientError } from '../../core/errors.js'
import type { ExecutionId } from '../../core/ids.js'
import { asStored, isJsonObject, isSameJson, type JsonObject, type JsonValue } from '../../core/json.js'
import { isStorableText } from '../../core/text.js'
import type { ExecutionRecord } from '../../executions/record.js'
import { readExecution } from '../../executions/record-store.js'
import type { Playbook, Step } from '../../playbook/model.js'
import { NO_KEYS } from '../../sealing/key-ring.js'
import { createBudget, type EvaluationLimits, EvaluationTimeout } from '../../template/index.js'
import { beginVisit, visitTask } from '../advance/visits.js'
import { computingOf, jobOf } from '../decide/context.js'
import { forbiddenKey, unstorableReason } from '../decide/storable.js'
import type { OrchestratorDependencies } from '../dependencies.js'
import type { StartRequest } from '../orchestrator.js'
import { checkedWorkload, renderWorkload } from './render-workload.js'
import { openPayload, sealInput, sealPayload, sensitiveWorkload } from './sealed-input.js'
import { findIdempotent, type IdempotentRow } from './start-store.js'

const MAX_KEY_LENGTH = 255
/** Executions that one call starts. */
const MAX_STARTED = 250
/** Executions in one transaction, at most, and the characters of what they were given. */
const MAX_EXECUTIONS = 64
const MAX_SIZE = 1024 * 1024
export const STARTS = { maxSize: MAX_SIZE, maxTransactions: 2 }

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

export type StartDependencies = Pick<OrchestratorDependencies, 'db' | 'clock' | 'env' | 'elapsedMs' | 'keyRing'> & {
  readonly commit: CommitQueue
}

/**
 * Creates an execution with its first task, in one transaction. Idempotent by the execution's id, and by the
 * idempotency key where one is given.
 * @throws TransientError CONFLICT when the key was used with another path or workload, VALIDATION when it is no key, or the workload does
 * not fit the playbook's schema (of a child: SCHEMA); then nothing is created
 */
export async function beginExecution(deps: StartDependencies, beginning: Beginning): Promise<Begun> {
  return (await prepareExecution(deps, beginning))()
}

/** All that can be refused of a beginning is, before anything is created; what it returns creates. Throws as `beginExecution`. */
export async function prepareExecution(deps: StartDependencies, beginning: Beginning): Promise<() => Promise<Begun>> {
  const { id: executionId, path, payload, requestedVersion: version = null } = beginning
  const key = beginning.idempotencyKey ?? null
  if (key !== null) checkIdempotencyKey(key)
  const known = key !== null ? await findIdempotent(deps.db, key) : null
  if (known) {
    const repeated = await repeatedStart(deps, known, beginning)
    return async () => repeated
  }
  const { keyRing = NO_KEYS } = deps
  if (beginning.playbook.sensitive.length > 0) keyRing.checkKeys(`a playbook with "sensitive" (${path})`)
  const planned = planExecution(deps, beginning)
  const { texts, execution } = planned
  const claimed = () => sealPayload(executionId, { payload, sensitive: execution.sensitive, keyRing })
  return async () => {
    const draft = await deps.commit.push({
      executionId,
      needs: { begins: 'new', ...(key !== null ? { claim: { key, executionId, path, version, ...claimed() } } : {}) },
      work: (draft) => (key === null || draft.isKeyClaimed ? begin(draft, planned) : null),
      size: Math.max(MAX_SIZE / MAX_EXECUTIONS, (texts.workload?.length ?? 0) + (texts.payload?.length ?? 0)),
    })
    return draft === null ? beginExecution(deps, beginning) : { execution: draft.execution, isNew: true }
  }
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

/** All of a new execution, before it begins. */
interface Planned extends Pick<Beginning, 'playbook'> {
  readonly rerun: Beginning['rerun'] | undefined
  /** What of its row never changes. */
  readonly execution: Partial<ExecutionRecord> & Pick<ExecutionRecord, 'sensitive'>
  readonly texts: Origin
  readonly computing: Computing | null
  /** Why its workload cannot be rendered. */
  readonly fault: TransientError | null
  readonly step: Step
  readonly now: Date
}

function planExecution(deps: StartDependencies, beginning: Beginning): Planned {
  const { id, playbook, path, version, payload, parent, rerun } = beginning
  const now = deps.clock.now()
  const about = { id, playbookPath: path, playbookVersion: version, createdAt: now }
  const job = jobOf(about)
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
  const inherited = rerun?.inherited ?? null
  const input = sealInput(id, { workload, payload, inherited }, { sensitive, keyRing: deps.keyRing ?? NO_KEYS })
  const first = rerun?.step ?? playbook.startStep
  const step = playbook.steps.find((candidate) => candidate.name === first)
  if (!step) throw new TransientError('VALIDATION', `the playbook has no step "${first}"`, { details: { field: 'fromStep' } })
  return {
    execution: {
      playbookPath: path,
      playbookVersion: version,
      depth: parent?.depth ?? 0,
      rerunOf: rerun?.of ?? null,
      parentId: parent?.id ?? null,
      parentTaskId: parent?.taskId ?? null,
      sensitive: [...new Set(sensitive)],
      workload: asStored(input.workload),
      payload: asStored(input.payload),
      inherited: asStored(input.inherited),
      sealed: input.sealed,
    },
    texts: {
      workload: jsonText(input.workload),
      payload: jsonText(input.payload),
      timeoutMs: playbook.timeout === null ? null : playbook.timeout * 1000,
    },
    computing: computingOf(playbook, { workload, sensitive: sensitiveWorkload(sensitive) }, about),
    playbook,
    rerun,
    fault,
    step,
    now,
  }
}

/**
 * The work with which an execution begins: with its first visit and task or, where its workload cannot be rendered, its failure.
 * @throws TransientError CONFLICT where another work of the same transaction has begun it
 */
function begin(draft: Draft, { playbook, rerun, execution, computing, texts, fault, step, now }: Planned): Draft {
  if (draft.origin !== null) throw new TransientError('CONFLICT', `execution ${draft.execution.id} has begun`)
  const { writes = [], actor = 'system' } = rerun ?? {}
  if (fault === null) {
    const { schema } = playbook
    foldInto(draft, { writes, actor, now, sensitive: execution.sensitive, schema, computing })
  }
  draft.origin = texts
  const event = { step: null, run: null, attempt: null }
  if (fault === null) {
    patch(draft, execution)
    const data: JsonObject = rerun ? { rerun_of: rerun.of, from_step: step.name } : {}
    const seq = record(draft, [{ ...event, name: 'execution.started', data }])
    const { args = {}, isArgsSensitive: isSensitive = false } = rerun ?? {}
    const run = beginVisit(draft, { step, args, isSensitive, branch: null, seq })
    draft.newTasks.push(visitTask({ playbook, step, execution: draft.execution }, run))
    return draft
  }
  const { code, message } = fault
  patch(draft, { ...execution, status: 'failed', error: { code, message, step: null, attempt: null }, finishedAt: now })
  record(draft, [
    { ...event, name: 'execution.started', data: null },
    { ...event, name: 'execution.failed', data: { error: { code, message } } },
  ])
  return draft
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

/** @throws TransientError VALIDATION for none, for too many, and for an idempotency key that comes twice */
export function checkSeveral(requests: readonly StartRequest[]): void {
  const refuse = (field: string, message: string) =>
    new TransientError('VALIDATION', `${field}: ${message}`, { details: { field } })
  if (requests.length === 0 || requests.length > MAX_STARTED) {
    throw refuse('inputs', `has ${requests.length} items, 1 to ${MAX_STARTED} are possible`)
  }
  const seen = new Map<string, number>()
  for (const [index, { idempotencyKey }] of requests.entries()) {
    if (idempotencyKey === null || idempotencyKey === undefined) continue
    const before = seen.get(idempotencyKey)
    if (before !== undefined) throw refuse(`inputs[${index}].idempotencyKey`, `is that of inputs[${before}], too`)
    seen.set(idempotencyKey, index)
  }
}

/** Why one of several cannot start, with which of them it is. */
export function ofInput(error: unknown, index: number): unknown {
  if (!isTransientError(error)) return error
  const { code, message, details } = error
  const { field } = details
  const place = `inputs[${index}]`
  return new TransientError(code, `${place}: ${message}`, {
    cause: error,
    details: { ...details, field: typeof field === 'string' ? `${place}.${field}` : place },
  })
}
