import { TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import type { JsonObject, JsonValue } from '../core/json.js'
import { isFinished } from '../core/status.js'
import type { ExecutionRecord } from '../executions/record.js'
import type { KeyRing } from '../sealing/key-ring.js'
import type { Sensitive } from '../sealing/sensitive.js'
import type { TaskKey, TaskRecord } from '../tasks/record.js'
import type { NewTask } from '../tasks/store.js'
import type { StepValue } from '../template/index.js'
import type { FoldedChange } from './fold.js'
import type { GlobalsView } from './globals-store.js'
import type { VariableRecord } from './record.js'
import type { EndedStep, IterationResult, IterationsInsert, RunChange, RunState } from './run.js'
import type { LoadedTask } from './run-store.js'

/** A fact that a transaction records: past tense, `step.completed`. */
export interface EventDraft {
  readonly name: string
  readonly step: string | null
  readonly run: number | null
  readonly attempt: number | null
  readonly data: JsonObject | null
}

export interface EventRow extends EventDraft {
  readonly seq: number
  /** The execution's revision after what it belongs to. */
  readonly revision: number
}

/** What of a task is to be written; null: no lease, no deadline. */
export interface TaskChange {
  readonly task: TaskRecord
  readonly leaseMs: number | null
  readonly timeoutMs: number | null
}

/** Runs that end early, and their tasks: done in SQL after all else, as it looks through the rows. null: the whole execution. */
interface Ending {
  readonly parentRun: number | null
  /** A run that begins with that. */
  readonly except?: number
  readonly finishedSeq: number
}

/** An execution's row as it was read: by the transaction that wrote it, its last event, its count of variables, and the server that it was read from. */
export interface KnownRow {
  readonly writtenBy: string
  readonly seq: number
  readonly count: number
  readonly server: string
}

/** A task that begins to wait. */
export interface OpenedWait {
  readonly task: TaskRecord
  readonly timeoutMs: number | null
  /** It was never offered to anybody, so that there is no row of it yet. */
  readonly isVirtual: boolean
}

/** How far the conditions of open waits have been looked at. */
interface WaitView {
  /** So many of the draft's changes. */
  seen: number
  /** What these conditions read, as it was before this transaction; null: there is no such variable. */
  readonly values: Map<string, StoredValue | null>
}

/** A value as a row has it. */
export interface StoredValue {
  readonly value: JsonValue
  readonly sealed: string | null
  readonly revision: number
}

/** An execution whose row is locked. */
export interface LockedExecution {
  /** What never changes of it may be large, and is null unless it was asked for. */
  readonly execution: ExecutionRecord
  /** What an optimistic write goes by. */
  readonly known: KnownRow
  /** The id of the transaction that has it locked now; empty: it is not there (yet). */
  readonly transaction: string
}

/** What a new execution is given, as JSON; null for null. */
export interface Origin {
  readonly workload: string | null
  /** After which it ends whatever it does; null: never. */
  readonly timeoutMs: number | null
  readonly payload: string | null
}

/** Variables of an execution. */
export interface KnownVariables {
  /** A variable that is in neither of the next two was never there. */
  isWhole: boolean
  /** Variables that may be written, as they are now: their rows are locked, or will be compared. */
  readonly present: Map<string, VariableRecord>
  /** Versions at which such variables were deleted. */
  readonly tombstones: Map<string, number>
}

/**
 * One execution as a transaction knows and changes it: works are carried out on it one after another, in memory, before all of it is written at
 * once (`flush.ts`). Each has its own events, revision and history, as if it had been alone in the transaction.
 */
export interface Draft extends Omit<LockedExecution, 'execution'>, KnownVariables {
  execution: ExecutionRecord
  readonly before: ExecutionRecord
  readonly keyRing: KeyRing
  /** false: nothing is, and what is replaced will be compared instead (decision 26). */
  readonly isLocked: boolean
  /** What was loaded of those that have changed since; null: there was no row. */
  readonly replaced: Map<string, VariableRecord | null>
  /** Names of variables that this transaction created. */
  readonly created: Set<string>
  readonly changes: FoldedChange[]
  readonly events: EventRow[]
  /** The execution begins with this transaction. */
  origin: Origin | null
  /** Nobody else has begun with the key that was asked for. */
  isKeyClaimed: boolean
  /** What templates read: values of variables, and the latest results of steps; of something sensitive what its mask hides. */
  vars: JsonObject
  steps: Readonly<Record<string, StepValue>>
  /** What of variables, results and workload is sensitive; null: nothing. */
  sensitive: Sensitive | null
  /** The playbook's space, where works may write to it, and what templates read of it; see `load-others.ts`. */
  space: Draft | null
  globals: GlobalsView | null
  /** Parent and root, where works may write to them; null: it is gone. See `load-others.ts`. */
  readonly ancestors: Map<ExecutionId, Draft | null>
  /** Which visit of a step a result is of. */
  readonly stepVisits: Map<string, number>
  /** Names that were loaded; the written ones are locked, and their tombstones known. */
  readonly loaded: {
    vars: Set<string> | 'all'
    readonly steps: Set<string>
    readonly written: Set<string>
    visits: boolean
    branches: boolean
  }
  readonly runs: Map<number, RunState>
  /** Visits that are pending or running. */
  liveVisits: number
  /** Of visits whose join is among the tasks. */
  readonly iterations: Map<number, readonly IterationResult[]>
  /** By `taskKeyText`: as they were loaded, and as they are now. */
  readonly loadedTasks: Map<string, LoadedTask>
  readonly tasks: Map<string, TaskRecord>
  readonly runChanges: Map<number, RunChange>
  readonly taskChanges: Map<string, TaskChange>
  /** Tasks that are to be offered. */
  newTasks: NewTask[]
  /** Waits that begin with this transaction, and how long each lasts at most; by `taskKeyText`. */
  readonly openedWaits: Map<string, OpenedWait>
  readonly waits: WaitView
  readonly iterationInserts: IterationsInsert[]
  readonly endings: Ending[]
  /** Tasks that now wait for a child execution. */
  readonly waiting: TaskRecord[]
  withdrawn: readonly TaskRecord[]
  /** The bus has given these tasks' messages away: were their holders dead, nobody but the relay would offer them again. */
  readonly forgotten: TaskKey[]
  readonly ended: EndedStep[]
}

export function newDraft(
  { execution, known, transaction }: LockedExecution,
  keyRing: KeyRing,
  { isWhole, present, tombstones }: KnownVariables = { isWhole: false, present: new Map(), tombstones: new Map() },
): Draft {
  return {
    execution,
    before: execution,
    known,
    transaction,
    keyRing,
    isWhole,
    present,
    tombstones,
    isLocked: true,
    replaced: new Map(),
    created: new Set(),
    changes: [],
    events: [],
    origin: null,
    isKeyClaimed: false,
    vars: {},
    steps: {},
    sensitive: null,
    space: null,
    globals: null,
    ancestors: new Map(),
    stepVisits: new Map(),
    loaded: { vars: new Set(), steps: new Set(), written: new Set(), visits: false, branches: false },
    runs: new Map(),
    liveVisits: 0,
    iterations: new Map(),
    loadedTasks: new Map(),
    tasks: new Map(),
    runChanges: new Map(),
    taskChanges: new Map(),
    newTasks: [],
    openedWaits: new Map(),
    waits: { seen: 0, values: new Map() },
    iterationInserts: [],
    endings: [],
    waiting: [],
    withdrawn: [],
    forgotten: [],
    ended: [],
  }
}

const NOBODY: KnownRow = { writtenBy: '', seq: 0, count: 0, server: '' }

/** The draft of an execution that is not there (yet). */
export function emptyDraft(id: ExecutionId, keyRing: KeyRing): Draft {
  const execution: ExecutionRecord = {
    id,
    status: 'running',
    playbookPath: null,
    playbookVersion: null,
    workload: null,
    payload: null,
    inherited: null,
    ...{ revision: 0, eventSeq: 0, oldestRevision: 0, runSeq: 0, stepCount: 0 },
    ...{ variableCount: 0, variableBytes: 0, historyCount: 0, openWaits: 0 },
    ending: null,
    error: null,
    parentId: null,
    parentTaskId: null,
    depth: 0,
    rerunOf: null,
    sensitive: [],
    sealed: null,
    createdAt: new Date(0),
    finishedAt: null,
  }
  return newDraft({ execution, known: NOBODY, transaction: '' }, keyRing)
}

/** Whether there is anything to write. */
export function isDirty({ execution, before, taskChanges, origin }: Draft): boolean {
  return execution !== before || taskChanges.size > 0 || origin !== null
}

export function patch(draft: Draft, changed: Partial<ExecutionRecord>): void {
  draft.execution = { ...draft.execution, ...changed }
}

/** Records facts, after those that are there; answers the execution's `event_seq` after them. */
export function record(draft: Draft, events: readonly EventDraft[]): number {
  const { eventSeq, revision } = draft.execution
  for (const [index, event] of events.entries()) draft.events.push({ ...event, seq: eventSeq + index + 1, revision })
  draft.execution = { ...draft.execution, eventSeq: eventSeq + events.length }
  return eventSeq + events.length
}

/** @throws TransientError EXECUTION_FINISHED */
export function checkRunning({ execution: { id, status } }: Draft): void {
  if (!isFinished(status)) return
  throw new TransientError('EXECUTION_FINISHED', `execution ${id} is ${status}: its variables can no longer be written`, {
    details: { status },
  })
}

export function changeTask(draft: Draft, task: TaskRecord, times: Partial<Omit<TaskChange, 'task'>> = {}): void {
  draft.tasks.set(taskKeyText(task), task)
  draft.taskChanges.set(taskKeyText(task), { task, leaseMs: null, timeoutMs: null, ...times })
}

export function changeRun(draft: Draft, run: number, change: Partial<RunState>): RunChange {
  const before = draft.runs.get(run)
  if (!before) throw new Error(`run ${run} was not loaded`)
  const state = { ...before, ...change }
  draft.runs.set(run, state)
  const kept = draft.runChanges.get(run) ?? {
    state,
    openedSeq: null,
    isStarted: false,
    finishedSeq: null,
    isLoopChanged: false,
  }
  kept.state = state
  draft.runChanges.set(run, kept)
  return kept
}

export function taskKeyText({ run, attempt }: Pick<TaskKey, 'run' | 'attempt'>): string {
  return `${run}-${attempt}`
}
