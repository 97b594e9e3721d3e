import type { ExecutionId } from '../../core/ids.js'
import type { JsonObject } from '../../core/json.js'
import type { StepStatus } from '../../core/status.js'
import type { ExecutionError, ExecutionRecord } from '../../executions/record.js'
import type { Playbook, Step } from '../../playbook/model.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import type { TaskKey, TaskRecord } from '../../tasks/record.js'
import type { NewTask } from '../../tasks/store.js'
import { createBudget, type EvaluationLimits, type StepValue } from '../../template/index.js'
import { createVariablesDraft, type VariablesDraft } from '../../variables/write/draft.js'
import type { Committed } from '../after-commit.js'
import { effectiveCall } from '../decide/prepare.js'
import type { Sensitive } from '../decide/sensitive.js'
import { firstCallOf } from '../decide/tool-turn.js'
import type { EventDraft, IterationResult, RunState, Snapshot, ToolCallPlan } from '../decide/types.js'
import type { EndedStep } from '../dependencies.js'
import type { IterationsInsert } from './run-store.js'

/** What of a run is to be written. */
export interface RunChange {
  state: RunState
  /** The visit was opened here: the execution's `event_seq` after that. null: its row is there. */
  readonly openedSeq: number | null
  isStarted: boolean
  finishedSeq: number | null
  isLoopChanged: boolean
}

/** What of a task is to be written; null: no lease, no deadline. */
export interface TaskChange {
  readonly task: TaskRecord
  readonly leaseMs: number | null
  readonly timeoutMs: number | null
}

export interface EventRow extends EventDraft {
  readonly seq: number
  /** The execution's revision after the decision that it belongs to. */
  readonly revision: number
}

/** Names that were loaded; the written ones are locked, and their tombstones known. */
export interface Loaded {
  vars: Set<string> | 'all'
  steps: Set<string> | 'all'
  readonly written: Set<string>
}

/** Runs that end early, and their tasks: done in SQL after all else, as it looks through the rows. null: the whole execution. */
export interface Ending {
  readonly parentRun: number | null
  readonly finishedSeq: number
}

/**
 * A locked execution while decisions about it are carried out one after another in memory, before all of it is written at
 * once. Each decision has its own events, revision and history, as if it had been alone in the transaction.
 */
export interface Draft {
  readonly playbook: Playbook
  execution: ExecutionRecord
  readonly before: ExecutionRecord
  readonly env: JsonObject
  readonly evaluationLimits: EvaluationLimits
  readonly keyRing: KeyRing
  /** Names that the playbook declares sensitive. */
  readonly declared: ReadonlySet<string>
  readonly runs: Map<number, RunState>
  readonly tasks: Map<string, TaskRecord>
  vars: JsonObject
  readonly variables: VariablesDraft
  steps: Readonly<Record<string, StepValue>>
  /** What of variables, results and workload is sensitive; null: nothing. */
  sensitive: Sensitive | null
  /** Which visit of a step a result is of. */
  readonly stepVisits: Map<string, number>
  readonly loaded: Loaded
  /** Visits that are pending or running. */
  liveVisits: number
  /** Of visits whose join is among the tasks. */
  readonly iterations: Map<number, readonly IterationResult[]>
  /** Visits opened here that need no worker: they are run here too. */
  readonly chain: { readonly run: number; readonly step: Step }[]
  chained: number
  readonly events: EventRow[]
  readonly runChanges: Map<number, RunChange>
  readonly taskChanges: Map<string, TaskChange>
  newTasks: NewTask[]
  readonly iterationInserts: IterationsInsert[]
  ending: Ending | null
  /** Tasks that now wait for a child. */
  readonly waiting: TaskRecord[]
  withdrawn: readonly TaskRecord[]
}

/** A tool that a worker is to run now. */
export interface Begun {
  readonly task: TaskRecord
  readonly run: RunState
  readonly call: ToolCallPlan
}

interface NewDraft
  extends Pick<Draft, 'playbook' | 'execution' | 'env' | 'evaluationLimits' | 'keyRing' | 'declared' | 'sensitive'> {
  readonly liveVisits: number
}

export function createDraft({ liveVisits, ...given }: NewDraft): Draft {
  return {
    ...{ ...given, before: given.execution, liveVisits },
    ...{ runs: new Map(), tasks: new Map(), iterations: new Map(), runChanges: new Map(), taskChanges: new Map() },
    ...{ vars: {}, variables: createVariablesDraft(), steps: {}, stepVisits: new Map() },
    loaded: { vars: new Set(), steps: new Set(), written: new Set() },
    ...{ chain: [], chained: 0, events: [], newTasks: [], iterationInserts: [], ending: null, waiting: [], withdrawn: [] },
  }
}

export function taskKeyText({ run, attempt }: Pick<TaskKey, 'run' | 'attempt'>): string {
  return `${run}-${attempt}`
}

/** What a decision about a task may look at. null when its run, or the run's step, is not there. */
export function snapshotOf(draft: Draft, task: TaskRecord): Snapshot | null {
  const { playbook, execution, env, evaluationLimits, vars, steps, sensitive } = draft
  const run = draft.runs.get(task.run)
  const step = playbook.steps.find((candidate) => candidate.name === run?.step)
  if (!run || !step) return null
  return {
    ...{ playbook, step, execution, task, run, env, vars, steps, sensitive },
    evaluationLimits: { ...evaluationLimits, budget: createBudget() },
    parent: run.parentRun === null ? null : (draft.runs.get(run.parentRun) ?? null),
    workload: (execution.workload ?? {}) as JsonObject,
    payload: (execution.payload ?? {}) as JsonObject,
    otherLiveVisits: run.iteration === null ? draft.liveVisits - Number(isLive(run.status)) : 0,
    iterations: draft.iterations.get(run.run) ?? [],
  }
}

export function isLive(status: StepStatus): boolean {
  return status === 'pending' || status === 'running'
}

type NewVisit = Pick<RunState, 'run' | 'args' | 'isSensitive'> & { readonly step: Step }

/** A visit that was just opened. Its number is counted when it is written; templates cannot see it. */
export function newVisit(executionId: ExecutionId, { run, step, args, isSensitive }: NewVisit): RunState {
  const nothing = {
    iteration: null,
    parentRun: null,
    item: null,
    loop: null,
    tools: null,
    result: null,
    envelope: null,
    log: null,
  }
  const error: ExecutionError | null = null
  return {
    ...nothing,
    ...{ executionId, run, step: step.name, visit: 0, status: 'pending', attempts: 0, args, isPrepared: false, error },
    ...{ isSensitive, fault: null },
    startedAt: null,
    finishedAt: null,
  }
}

/** For what is done after the commit. */
export function committedOf(draft: Draft): Committed {
  const { execution, before, withdrawn, waiting, newTasks } = draft
  const ended = [...draft.runChanges.values()].flatMap(({ state, finishedSeq }): EndedStep[] => {
    const step = draft.playbook.steps.find(({ name }) => name === state.step)
    if (finishedSeq === null || !step) return []
    return [{ kind: kindOf(draft, step, state), outcome: state.status === 'succeeded' ? 'success' : 'error' }]
  })
  return { execution, tasks: newTasks, withdrawn, waiting, changeSets: execution.revision - before.revision, ended }
}

function kindOf({ playbook }: Draft, step: Step, { iteration }: RunState): string {
  if (step.loop && iteration === null) return 'iterator'
  const call = firstCallOf(step)
  return call ? effectiveCall({ playbook, step }, call).kind : 'step'
}
