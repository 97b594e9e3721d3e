import { TryAgain } from '../../commit/carry-out.js'
import { type Draft, taskKeyText } from '../../commit/draft.js'
import type { Needs } from '../../commit/load.js'
import { globalsOf } from '../../commit/others.js'
import type { CommitRequest } from '../../commit/queue.js'
import type { LoadedTask } from '../../commit/run-store.js'
import type { JsonObject } from '../../core/json.js'
import type { Step } from '../../playbook/model.js'
import { NO_OPERATIONS } from '../../playbook/operations.js'
import { isMissingKey } from '../../sealing/key-ring.js'
import { withSensitive } from '../../sealing/sensitive.js'
import { formatTaskId, SYSTEM_POOL, type TaskKey, type TaskRecord } from '../../tasks/record.js'
import { createBudget, type EvaluationLimits, EvaluationTimeout } from '../../template/index.js'
import { EVERYTHING, joinsOf, type Phase, reachOf, usesGlobals } from '../decide/needs.js'
import { withRevision } from '../decide/operations.js'
import { prepare } from '../decide/prepare.js'
import type { Decision, Rejection, Snapshot } from '../decide/types.js'
import type { ChainLimits, OrchestratorDependencies } from '../dependencies.js'
import type { KnownExecution } from '../run/lookup.js'
import { applyDecision, type Chain } from './apply.js'
import { inputOf, needsOf, unforeseen } from './foresee.js'
import { isLive, visitTask } from './visits.js'

/** A decision that takes so long would come close to PostgreSQL's time limit for transactions that do nothing. */
const MAX_DECISION_MS = 30_000

export type AdvanceDependencies = Pick<OrchestratorDependencies, 'clock' | 'limits' | 'newId' | 'env' | 'elapsedMs'> & {
  readonly chain: ChainLimits
}

/** One thing to decide about a task: its beginning or its end. */
export interface AdvanceRequest<T> {
  readonly key: TaskKey
  readonly known: KnownExecution
  readonly phase: Phase
  /** Decides with `advance`, once or not at all, what becomes of the task, and answers the caller. */
  perform(turn: Turn): Generator<Needs, T, void>
}

/** A request's turn: its execution is locked, what it is likely to read is loaded. */
export interface Turn {
  readonly draft: Draft
  /** null when it does not exist. */
  readonly task: TaskRecord | null
  /** As it was loaded; null when works before this one have changed it. */
  readonly loaded: LoadedTask | null
  advance(task: TaskRecord, options: AdvanceOptions): Generator<Needs, Advanced, void>
}

export interface AdvanceOptions {
  readonly log: string | null
  /** The task has no row. */
  readonly isVirtual?: boolean
  readonly decide: (snapshot: Snapshot, rejection: Rejection | null) => Decision
}

interface Advanced {
  readonly decision: Decision
  readonly snapshot: Snapshot
}

/**
 * The work that decides about a task. What a decision opens and no worker is needed for is decided at once too. When the clock stops one of its
 * templates, all is rolled back and done once more; only if the clock stops it again does the template fail, with TEMPLATE_FORBIDDEN.
 */
export function advanceWork<T>(deps: AdvanceDependencies, request: AdvanceRequest<T>): CommitRequest<T> {
  const { key, known, phase, perform } = request
  const { env, elapsedMs = () => performance.now() } = deps
  let isLastTry = false
  return {
    executionId: key.executionId,
    needs: { task: key, input: inputOf(known) },
    foresee(draft) {
      const task = draft.tasks.get(taskKeyText(key))
      const step = task && stepOf(draft, known, task)
      // Joining an iterator ends its step.
      if (!step) return {}
      const reached = task.kind === 'join' ? 'end' : phase
      const needs = needsOf(known, reachOf(known.playbook, step, reached))
      const isLeading = reached === 'end' && draft.runs.get(task.run)?.iteration === null
      return isLeading ? { ...needs, branches: joinsOf(known.playbook) } : needs
    },
    *work(draft, began) {
      const around = { ...known, env, evaluationLimits: { elapsedMs, isLastTry } }
      // Works before this one may have changed it.
      const task = draft.tasks.get(taskKeyText(key)) ?? null
      const found = draft.loadedTasks.get(taskKeyText(key))
      const loaded = found && found.task === task ? found : null
      const until = began + deps.chain.ms
      try {
        return yield* perform({
          draft,
          task,
          loaded,
          advance: (...about) => advance({ deps, draft, known, around, until }, ...about),
        })
      } catch (error) {
        if (!(error instanceof EvaluationTimeout)) throw error
        isLastTry = true
        throw new TryAgain()
      }
    },
  }
}

export interface Advancing {
  readonly deps: AdvanceDependencies
  readonly draft: Draft
  readonly known: KnownExecution
  readonly around: Around
  /** When chains end: what they would do next becomes a task. */
  readonly until: number
}

/** Decides what becomes of a task, and of the steps without a tool that follow. */
export function* advance(advancing: Advancing, current: TaskRecord, options: AdvanceOptions): Generator<Needs, Advanced, void> {
  const { deps, draft, known, until } = advancing
  const chain: Chain = { steps: [], count: 0, limit: deps.chain.steps }
  const done = yield* advanceTask(advancing, { task: current, options, chain, isVirtual: options.isVirtual === true })
  for (let next = chain.steps.shift(); next; next = chain.steps.shift()) {
    const asTask = visitTask({ playbook: known.playbook, execution: draft.execution, step: next.step }, next.run)
    // After a fault each step is decided in a transaction of its own, so that it falls on the one whose it is.
    if (performance.now() > until || current.faults > 0) {
      draft.newTasks.push(asTask)
      continue
    }
    try {
      const task = virtualTask(draft, next.run)
      // Where a step was reached that was not foreseen: after an attempt that could not begin.
      yield needsOf(known, reachOf(known.playbook, next.step, 'prepare'))
      yield* advanceTask(advancing, { task, options: preparing(deps), chain, isVirtual: true })
    } catch (error) {
      if (!isMissingKey(error)) throw error
      draft.newTasks.push(asTask)
    }
  }
  return done
}

interface TaskAdvance {
  readonly task: TaskRecord
  readonly options: AdvanceOptions
  readonly chain: Chain
  readonly isVirtual: boolean
}

function* advanceTask({ deps, draft, known, around }: Advancing, about: TaskAdvance): Generator<Needs, Advanced, void> {
  const { task, options, chain, isVirtual } = about
  const look = (): Snapshot => {
    const snapshot = snapshotOf(draft, task, around)
    if (!snapshot) throw new Error(`task ${formatTaskId(task)} belongs to no run`)
    return snapshot
  }
  const decide = (snapshot: Snapshot, rejection: Rejection | null) =>
    withRevision(
      inTime(() => options.decide(snapshot, rejection)),
      snapshot,
    )
  let snapshot = look()
  let decision = decide(snapshot, null)
  if (failsAsUndefined(decision)) {
    const globals = snapshot.globals ? 'all' : NONE
    yield needsOf(known, { ...EVERYTHING, globals, written: NONE, outside: NO_OPERATIONS })
    snapshot = look()
    decision = decide(snapshot, null)
  }
  // What the decision writes and nobody foresaw, as after an attempt that could not begin: what it read of that may have changed before it was locked.
  for (let needs = unforeseen(draft, known, decision); needs !== null; needs = unforeseen(draft, known, decision)) {
    yield needs
    snapshot = look()
    decision = decide(snapshot, null)
  }
  const current = snapshot
  const decideOn = (rejection: Rejection | null) => (rejection === null ? decision : decide(current, rejection))
  const { clock, newId } = deps
  const stood = applyDecision(draft, {
    snapshot: current,
    known,
    decide: decideOn,
    now: clock.now(),
    newId,
    log: options.log,
    isVirtual,
    chain,
  })
  return { decision: stood, snapshot: current }
}

/** What a decision about a task may look at. null when its run, or the run's step, is not there. */
export function snapshotOf(draft: Draft, task: TaskRecord, { playbook, input, ...around }: Around): Snapshot | null {
  const { vars, steps, sensitive } = draft
  const run = draft.runs.get(task.run)
  const step = playbook.steps.find((candidate) => candidate.name === run?.step)
  if (!run || !step) return null
  const globals = usesGlobals(playbook, step) ? globalsOf(draft) : null
  return {
    playbook,
    step,
    execution: { ...draft.execution, ...input },
    task,
    run,
    vars,
    steps,
    globals,
    sensitive: globals ? withSensitive(sensitive, globals.sensitive) : sensitive,
    env: around.env,
    evaluationLimits: { ...around.evaluationLimits, budget: createBudget() },
    parent: run.parentRun === null ? null : (draft.runs.get(run.parentRun) ?? null),
    workload: (input.workload ?? {}) as JsonObject,
    payload: (input.payload ?? {}) as JsonObject,
    visits: draft.loaded.branches ? [...draft.runs.values()].filter(({ iteration }) => iteration === null) : [],
    otherLiveVisits: run.iteration === null ? draft.liveVisits - Number(isLive(run.status)) : 0,
    iterations: draft.iterations.get(run.run) ?? [],
  }
}

/** What does not change while works are carried out. */
interface Around extends Pick<KnownExecution, 'playbook' | 'input'> {
  readonly env: JsonObject
  readonly evaluationLimits: EvaluationLimits
}

const NONE: ReadonlySet<string> = new Set()

function stepOf(draft: Draft, { playbook }: KnownExecution, task: TaskRecord): Step | undefined {
  const name = draft.runs.get(task.run)?.step
  return playbook.steps.find((step) => step.name === name)
}

function preparing({ limits, clock }: AdvanceDependencies): AdvanceOptions {
  return { log: null, decide: (snapshot, rejection) => prepare({ snapshot, limits, rejection, now: clock.now() }) }
}

/** The task that a step would have, were it offered to a worker. */
function virtualTask(draft: Draft, run: number): TaskRecord {
  return {
    executionId: draft.execution.id,
    run,
    attempt: 1,
    pool: SYSTEM_POOL,
    kind: 'step',
    status: 'open',
    notBefore: new Date(0),
    leaseUntil: null,
    token: null,
    workerId: null,
    deliveries: 0,
    claimedAt: null,
    deadline: null,
    faults: 0,
    childId: null,
    input: null,
    sealed: null,
  }
}

function inTime<T>(decide: () => T): T {
  const began = performance.now()
  const decided = decide()
  const tookMs = performance.now() - began
  if (tookMs > MAX_DECISION_MS) throw new Error(`a decision took ${Math.round(tookMs)} ms`)
  return decided
}

/** Whether a decision fails the attempt for an undefined name: it is then made again with everything loaded, for its suggestions. */
function failsAsUndefined(decision: Decision): boolean {
  return decision.commands.some((command) => command.type === 'finish_run' && command.error?.code === 'TEMPLATE_UNDEFINED')
}
