import { TransientError } from '../../core/errors.js'
import type { ExecutionId } from '../../core/ids.js'
import type { Sql, Transaction } from '../../db/database.js'
import { type LockedState, lockExecutionStates } from '../../executions/store.js'
import type { Step } from '../../playbook/model.js'
import { isMissingKey, NO_KEYS } from '../../sealing/key-ring.js'
import { formatTaskId, SYSTEM_POOL, type TaskKey, type TaskRecord } from '../../tasks/record.js'
import { forgetEnsured } from '../../tasks/store.js'
import type { EvaluationLimits } from '../../template/index.js'
import { EVERYTHING, type Phase, type Reach, reachOf } from '../decide/needs.js'
import { prepare } from '../decide/prepare.js'
import type { Decision, Rejection, Snapshot } from '../decide/types.js'
import type { ChainLimits, OrchestratorDependencies } from '../dependencies.js'
import type { KnownExecution } from '../run/lookup.js'
import { applyDecision, visitTask } from './apply.js'
import { createDraft, type Draft, snapshotOf, taskKeyText } from './draft.js'
import { writeDrafts } from './flush-store.js'
import { loadReach, loadTotals } from './load.js'
import { loadWork, type Work } from './load-store.js'
import { loadIterationResults } from './result-store.js'

/** How long decisions may be made without giving way to others. */
const TURN_MS = 10
/** Beyond that the rest of a batch gets a transaction of its own: all that is locked here waits meanwhile. */
const BATCH_MS = 250
/** A decision that takes so long would come close to PostgreSQL's time limit for transactions that do nothing. */
const MAX_DECISION_MS = 30_000

export type AdvanceDependencies = Pick<OrchestratorDependencies, 'clock' | 'limits' | 'newId' | 'env' | 'leaseMs' | 'keyRing'> & {
  readonly chain: ChainLimits
}

/** One thing to decide about a task: its beginning or its end. */
export interface AdvanceRequest<T> {
  readonly key: TaskKey
  readonly known: KnownExecution
  readonly phase: Phase
  /** Decides with `advance`, once or not at all, what becomes of the task, and answers the caller. */
  perform(turn: Turn): Promise<T>
}

/** A request's turn: its execution is locked, everything it may read is loaded. */
export interface Turn {
  readonly draft: Draft
  /** null when it does not exist. */
  readonly task: TaskRecord | null
  readonly isFree: boolean
  readonly isOverdue: boolean
  /** How long its worker has had the task; null: none has. */
  readonly heldSeconds: number | null
  readonly leaseUntil: Date
  advance(task: TaskRecord, options: AdvanceOptions): Promise<{ readonly decision: Decision; readonly snapshot: Snapshot }>
  /** The bus has given this task's message away: were its holder dead, nobody but the relay would offer it again. */
  forget(): void
}

export interface AdvanceOptions {
  readonly log: string | null
  readonly decide: (snapshot: Snapshot, rejection: Rejection | null) => Decision
}

/** `busy`: the execution, or a variable of it, is another transaction's at the moment, or has to be written first; nothing was done. */
export type AdvanceAnswer = { readonly value: unknown } | { readonly error: TransientError } | 'busy'

/** A variable that nobody foresaw is another transaction's: all is rolled back, and each execution is waited for alone. */
export class VariableBusy extends Error {}

export interface AdvanceResult {
  /** One per request. */
  readonly answers: readonly AdvanceAnswer[]
  readonly drafts: ReadonlyMap<ExecutionId, Draft>
}

export interface Batch {
  readonly requests: readonly AdvanceRequest<unknown>[]
  /** All are of one execution, which is waited for. */
  readonly isAlone: boolean
  readonly evaluationLimits: EvaluationLimits
}

/**
 * Takes decisions about tasks of any executions in one transaction: lock, load, decide one after another in memory, write. What a
 * decision opens and no worker is needed for is decided at once too.
 */
export async function advanceBatch(tx: Transaction, deps: AdvanceDependencies, batch: Batch): Promise<AdvanceResult> {
  const { requests, isAlone } = batch
  const ids = [...new Set(requests.map((request) => request.key.executionId))]
  const locked = new Map((await lockExecutionStates(tx, ids, isAlone)).map((execution) => [execution.id, execution]))
  const mine = requests.filter((request) => locked.has(request.key.executionId))
  const work = new Map<string, Work>()
  if (mine.length > 0) {
    const keys = mine.map((request) => request.key)
    const { leaseMs, keyRing = NO_KEYS } = deps
    for (const one of await loadWork(tx, { keys, leaseMs, keyRing })) work.set(formatTaskId(one.task), one)
  }
  const drafts = await openDrafts(tx, { batch, deps, locked, work })
  const forgotten: TaskKey[] = []
  const answers: AdvanceAnswer[] = []
  const began = performance.now()
  const until = began + deps.chain.ms
  let turnAt = began
  for (const request of requests) {
    const draft = drafts.get(request.key.executionId)
    if (performance.now() - turnAt > TURN_MS) {
      await new Promise(setImmediate)
      turnAt = performance.now()
    }
    if (!draft) answers.push(isAlone ? { error: unknown(request.key) } : 'busy')
    else if (draft.ending || (answers.length > 0 && performance.now() - began > BATCH_MS)) answers.push('busy')
    else answers.push(await takeTurn(tx, { deps, request, draft, work, forgotten, until, isAlone }))
  }
  if (forgotten.length > 0) await forgetEnsured(tx, forgotten)
  await writeDrafts(tx, [...drafts.values()])
  return { answers, drafts }
}

function unknown(key: TaskKey): TransientError {
  return new TransientError('NOT_FOUND', `task "${formatTaskId(key)}" does not exist`)
}

interface Opening {
  readonly batch: Batch
  readonly deps: AdvanceDependencies
  readonly locked: ReadonlyMap<ExecutionId, LockedState>
  readonly work: ReadonlyMap<string, Work>
}

async function openDrafts(tx: Sql, { batch, deps, locked, work }: Opening): Promise<Map<ExecutionId, Draft>> {
  const drafts = new Map<ExecutionId, Draft>()
  const wanted = []
  for (const { key, known, phase } of batch.requests) {
    const execution = locked.get(key.executionId)
    if (!execution) continue
    const found = work.get(formatTaskId(key))
    const draft =
      drafts.get(execution.id) ??
      createDraft({
        ...{ playbook: known.playbook, execution: { ...execution, ...known.input }, env: deps.env },
        ...{ evaluationLimits: batch.evaluationLimits, keyRing: deps.keyRing ?? NO_KEYS },
        ...{ declared: known.declared, sensitive: known.sensitive },
        liveVisits: found?.liveVisits ?? 0,
      })
    drafts.set(execution.id, draft)
    if (!found) continue
    draft.liveVisits = found.liveVisits
    for (const run of [found.run, found.parent]) if (run) draft.runs.set(run.run, run)
    draft.tasks.set(taskKeyText(found.task), found.task)
    if (found.task.kind === 'join') {
      draft.iterations.set(found.run.run, await loadIterationResults(tx, found.run, draft.keyRing))
    }
    const step = stepOf(draft, found.task)
    // Joining an iterator ends its step.
    if (step) wanted.push({ draft, reach: reachOf(draft.playbook, step, found.task.kind === 'join' ? 'end' : phase) })
  }
  for (const id of await loadReach(tx, wanted, batch.isAlone)) drafts.delete(id)
  await loadTotals(
    tx,
    [...drafts.values()].filter(({ execution: { id } }) => locked.get(id)?.isDrifted === true),
  )
  return drafts
}

function stepOf(draft: Draft, task: TaskRecord): Step | null {
  const name = draft.runs.get(task.run)?.step
  return draft.playbook.steps.find((step) => step.name === name) ?? null
}

interface TurnRequest {
  readonly deps: AdvanceDependencies
  readonly request: AdvanceRequest<unknown>
  readonly draft: Draft
  readonly work: ReadonlyMap<string, Work>
  readonly forgotten: TaskKey[]
  /** When chains end: what they would do next becomes a task. */
  readonly until: number
  readonly isAlone: boolean
}

async function takeTurn(tx: Sql, { deps, request, draft, work, forgotten, until, isAlone }: TurnRequest): Promise<AdvanceAnswer> {
  const found = work.get(formatTaskId(request.key))
  // Requests of this batch that came before may have changed it.
  const task = draft.tasks.get(taskKeyText(request.key)) ?? null
  draft.chained = 0
  const turn: Turn = {
    draft,
    task,
    isFree: found?.isFree === true && task === found.task,
    isOverdue: found?.isOverdue === true && task === found.task,
    heldSeconds: found?.heldSeconds ?? null,
    leaseUntil: found?.leaseUntil ?? new Date(0),
    forget: () => forgotten.push(request.key),
    async advance(current, options) {
      const done = await advanceTask(tx, { deps, draft, task: current, options, isVirtual: false, isAlone })
      for (let next = draft.chain.shift(); next; next = draft.chain.shift()) {
        // After a fault each step is decided in a transaction of its own, so that it falls on the one whose it is.
        if (performance.now() > until || current.faults > 0) {
          draft.newTasks.push(visitTask({ ...draft, step: next.step }, next.run))
          continue
        }
        try {
          const task = virtualTask(draft, next.run)
          await advanceTask(tx, { deps, draft, task, options: preparing(deps), isVirtual: true, isAlone })
        } catch (error) {
          if (!isMissingKey(error)) throw error
          draft.newTasks.push(visitTask({ ...draft, step: next.step }, next.run))
        }
      }
      return done
    },
  }
  try {
    return { value: await request.perform(turn) }
  } catch (error) {
    // What a decision throws has already failed its step; this is the caller's fault, found before anything was decided.
    if (error instanceof TransientError && error.code !== 'OVERLOADED') return { error }
    throw error
  }
}

function preparing({ limits, clock }: AdvanceDependencies): AdvanceOptions {
  return { log: null, decide: (snapshot, rejection) => prepare({ snapshot, limits, rejection, now: clock.now() }) }
}

/** The task that a step would have, were it offered to a worker. */
function virtualTask(draft: Draft, run: number): TaskRecord {
  return {
    ...{ executionId: draft.execution.id, run, attempt: 1, pool: SYSTEM_POOL, kind: 'step', status: 'open' },
    ...{ notBefore: new Date(0), leaseUntil: null, token: null, workerId: null, deliveries: 0, claimedAt: null, deadline: null },
    ...{ faults: 0, childId: null, input: null, sealed: null },
  }
}

interface TaskAdvance {
  readonly deps: AdvanceDependencies
  readonly draft: Draft
  readonly task: TaskRecord
  readonly options: AdvanceOptions
  readonly isVirtual: boolean
  readonly isAlone: boolean
}

function inTime<T>(decide: () => T): T {
  const began = performance.now()
  const decided = decide()
  const tookMs = performance.now() - began
  if (tookMs > MAX_DECISION_MS) throw new Error(`a decision took ${Math.round(tookMs)} ms`)
  return decided
}

async function advanceTask(tx: Sql, { deps, draft, task, options, isVirtual, isAlone }: TaskAdvance) {
  const load = async (reach: Reach) => {
    const busy = await loadReach(tx, [{ draft, reach }], isAlone)
    if (busy.size > 0) throw new VariableBusy()
  }
  // Where a step was reached that was not foreseen when the batch was loaded: after an attempt that could not begin.
  const step = isVirtual ? stepOf(draft, task) : null
  if (step) await load(reachOf(draft.playbook, step, 'prepare'))
  let snapshot = snapshotOf(draft, task)
  if (!snapshot) throw new Error(`task ${formatTaskId(task)} belongs to no run`)
  const decide = (about: Snapshot, rejection: Rejection | null) => inTime(() => options.decide(about, rejection))
  let decision = decide(snapshot, null)
  if (failsAsUndefined(decision)) {
    await load({ ...EVERYTHING, written: new Set() })
    snapshot = snapshotOf(draft, task) ?? snapshot
    decision = decide(snapshot, null)
  }
  // What the decision writes and nobody foresaw, as after an attempt that could not begin: what it read of that may have changed before it was locked.
  for (let written = unforeseen(draft, decision); written.size > 0; written = unforeseen(draft, decision)) {
    await load({ vars: new Set(), steps: new Set(), written })
    snapshot = snapshotOf(draft, task) ?? snapshot
    decision = decide(snapshot, null)
  }
  const current = snapshot
  const decideOn = (rejection: Rejection | null) => (rejection === null ? decision : decide(current, rejection))
  const { clock, newId, chain } = deps
  const stood = applyDecision(draft, {
    ...{ snapshot: current, decide: decideOn, now: clock.now(), newId, log: options.log, isVirtual, chainLimit: chain.steps },
  })
  return { decision: stood, snapshot: current }
}

function unforeseen(draft: Draft, { writes }: Decision): Set<string> {
  return new Set(writes.map(({ name }) => name).filter((name) => !draft.loaded.written.has(name)))
}

/** Whether a decision fails the attempt for an undefined name: it is then made again with everything loaded, for its suggestions. */
function failsAsUndefined(decision: Decision): boolean {
  return decision.commands.some((command) => command.type === 'finish_run' && command.error?.code === 'TEMPLATE_UNDEFINED')
}
