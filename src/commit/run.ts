import { isTransientError, type TransientError } from '../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js'
import type { StepStatus } from '../core/status.js'
import type { ExecutionError, StepRunRecord, ToolRun, WaitState } from '../executions/record.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { runLocation } from '../sealing/location.js'
import { MASK } from '../sealing/mask.js'
import { shownError } from '../sealing/sensitive.js'
import { StepValue } from '../template/index.js'

/** How far an iterator visit is; kept on the visit's row. */
export interface LoopState {
  readonly total: number
  /** The run of iteration 0; iteration n is run `firstRun + n`. */
  readonly firstRun: number
  readonly concurrency: number
  /** Iterations opened so far. */
  readonly opened: number
  readonly done: number
  readonly failed: number
  /** fail_fast: the error that stopped the loop. */
  readonly stopped: ExecutionError | null
}

/** How far a list of tools is; kept on the run's row, so that a crash repeats one tool at most. */
export interface ToolsState {
  /** The tool that is next, or runs; null: the list is over. */
  readonly current: string | null
  /** When it was first begun in its present turn; null: not yet. */
  readonly startedAt: string | null
  /** The attempt of the run with which that turn began. */
  readonly firstAttempt: number
  /** Turns so far, those after jumps back included. */
  readonly turns: number
  /** The last tool that gave something: the step's value. */
  readonly last: string | null
  readonly locals: JsonObject
  /** The latest turn of each tool, in the order in which they ended first. */
  readonly done: readonly ToolRun[]
}

/** Where a visit stands among the branches that steps with `join` bring together. */
export interface BranchState {
  /** By the names of such steps: how often the branch has passed them. */
  readonly passed: Readonly<Record<string, number>>
  /** Of such a step's own visit; null: it is none. */
  readonly join: JoinState | null
}

export interface JoinState {
  /** How often it had begun before. */
  readonly round: number
  readonly arrived: number
  /** `open`: it waits for more branches. `unmet`: fewer than it needs arrived, and no other can. */
  readonly status: 'open' | 'begun' | 'unmet'
}

/** A step run with what only the orchestrator needs of it. */
export interface RunState extends Omit<StepRunRecord, 'tools'> {
  /** null where its step has no list of tools, and before the first of them begins. */
  readonly tools: ToolsState | null
  /** Rendered arguments of the transition that led here. */
  readonly args: JsonObject
  /** null where the playbook has no step with `join`, or the branch none behind it. */
  readonly branch: BranchState | null
  /** The iteration's element. */
  readonly item: JsonValue
  readonly loop: LoopState | null
  /** Whether the `before` block was already evaluated. */
  readonly isPrepared: boolean
  /** Why what it was given cannot be decrypted; null: it was, or it was plain. */
  readonly fault: TransientError | null
}

export interface IterationResult {
  readonly status: StepStatus
  readonly result: JsonValue
  readonly error: ExecutionError | null
  readonly isSensitive: boolean
}

/** What of a run is to be written. */
export interface RunChange {
  state: RunState
  /** The visit was opened here: the execution's `event_seq` after that. null: its row is there. */
  readonly openedSeq: number | null
  isStarted: boolean
  finishedSeq: number | null
  isLoopChanged: boolean
}

/** The elements of an iterator: one pending row each, so that every iteration's input is durable before the first runs. */
export interface IterationsInsert {
  readonly visit: RunState
  readonly state: LoopState
  readonly items: readonly JsonValue[]
  readonly openedSeq: number
}

/** A visit or an iteration that is over. */
export interface EndedStep {
  /** The tool's; `step` without one, `iterator` of a whole loop. */
  readonly kind: string
  readonly outcome: 'success' | 'error'
}

/** What of a run may be sensitive. */
type Hidden = Pick<RunState, 'args' | 'locals' | 'item' | 'result' | 'envelope' | 'error' | 'log' | 'tools'>

/** A run's columns: of a sensitive one the mask, and beside it what it hides. */
export interface RunColumns extends Hidden {
  readonly sealed: string | null
}

export function columnsOf(run: RunState, keyRing: KeyRing): RunColumns {
  const { args, locals, item, result, envelope, error, log, tools } = run
  const plain = { args, locals, item, result, envelope, error, log, tools }
  if (!run.isSensitive) return { ...plain, sealed: null }
  const hidden: JsonObject = { ...plain, error: error && { ...error }, tools: tools && toolsJson(tools) }
  return {
    args: {},
    locals: locals && maskedLocals(locals),
    item: item === null ? null : MASK,
    result: MASK,
    envelope: envelope && shownEnvelope(envelope),
    error: error && shownError(error, true),
    log: log === null ? null : MASK,
    tools: tools && shownTools(tools),
    sealed: keyRing.seal(hidden, runLocation(run.executionId, run.run)),
  }
}

/** Their names. */
function maskedLocals(locals: JsonObject): JsonObject {
  return Object.fromEntries(Object.keys(locals).map((name) => [name, MASK]))
}

/** As JSON, whose objects are plain. */
export function toolsJson({ done, ...state }: ToolsState): JsonObject {
  return { ...state, done: done.map((run) => ({ ...run, error: run.error && { ...run.error } })) }
}

/** As JSON, whose lists are no constants. */
export function waitJson({ ask, reads, ...wait }: WaitState): JsonObject {
  const given = ask && { ...ask, roles: [...ask.roles], names: [...ask.names], answered: ask.answered && { ...ask.answered } }
  return { ...wait, reads: [...reads], ask: given }
}

/** As JSON. */
export function branchJson({ passed, join }: BranchState): JsonObject {
  return { passed: { ...passed }, join: join && { ...join } }
}

/** Which tools ran, when, and how they ended. */
function shownTools(tools: ToolsState): ToolsState {
  const done = tools.done.map((run) => ({
    ...{ ...run, result: run.result === null ? null : MASK },
    ...{ envelope: run.envelope && shownEnvelope(run.envelope), error: run.error && shownError(run.error, true) },
    log: run.log === null ? null : MASK,
  }))
  return { ...tools, locals: {}, done }
}

/** The column of an iteration's row before it has begun. */
export function sealItem(visit: RunState, run: number, item: JsonValue, keyRing: KeyRing): string {
  return keyRing.seal({ args: visit.args, item }, runLocation(visit.executionId, run))
}

/** Times and outcome; what the tool said is hidden. */
function shownEnvelope({ status = null, attempt = null, started_at = null, finished_at = null, error }: JsonObject): JsonObject {
  const shown = { status, attempt, started_at, finished_at }
  return { ...shown, error: isJsonObject(error ?? null) ? shownError(error as JsonObject, true) : null }
}

/** A run that was read with its mask, as it is behind it. Where its key is lost, the run has a `fault`. */
export function openRun(run: RunState, sealed: string | null, keyRing: KeyRing): RunState {
  if (sealed === null) return run
  try {
    return { ...run, ...hiddenOf(sealed, run, keyRing) }
  } catch (error) {
    if (!isTransientError(error)) throw error
    return { ...run, fault: error }
  }
}

/** What a sealed run hides; of one that has not ended, what it was given. @throws TransientError INTERNAL */
export function hiddenOf(sealed: string, { executionId, run }: Pick<RunState, 'executionId' | 'run'>, keyRing: KeyRing): Hidden {
  const {
    args = {},
    locals = null,
    item = null,
    result = null,
    envelope = null,
    error = null,
    log = null,
    tools = null,
  } = keyRing.open(sealed, runLocation(executionId, run)) as JsonObject
  return {
    args: args as JsonObject,
    locals: locals as JsonObject | null,
    item,
    result,
    envelope: envelope as JsonObject | null,
    error: error as ExecutionError | null,
    log: log as string | null,
    tools: tools as unknown as ToolsState | null,
  }
}

/** What a tool or a loop adds to `this` that is readable on a step's name, too. */
const ADDED = ['status_code', 'headers', 'row_count', 'columns', 'stats']

/** What a step gave, as templates see it. */
export function stepValue(result: JsonValue, envelope: JsonObject | null): StepValue {
  const { status = 'success', error = null, results = null } = envelope ?? {}
  const commands = commandsOf(result, envelope)
  const ofTools = isJsonObject(results) ? { ...results, results } : {}
  const added = Object.fromEntries(
    ADDED.flatMap((name) => (envelope && Object.hasOwn(envelope, name) ? [[name, envelope[name]]] : [])),
  )
  return new StepValue(result, { ...ofTools, ...added, data: new StepValue(result, commands), status, error, ...commands })
}

/** NoETL's name for the rows of a postgres step, and under `commands` what each of several statements gave. */
export function commandsOf(rows: JsonValue, envelope: JsonObject | null): JsonObject {
  if (!envelope || !Object.hasOwn(envelope, 'row_count')) return {}
  const { row_count = null } = envelope
  const only = { command_0: { rows, row_count } }
  return { ...only, commands: envelope['commands'] ?? only }
}
