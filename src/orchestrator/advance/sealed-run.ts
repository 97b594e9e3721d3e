import { isTransientError } from '../../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import type { ExecutionError } from '../../executions/record.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import { runLocation } from '../../sealing/location.js'
import { MASK } from '../../sealing/mask.js'
import { shownError } from '../decide/sensitive.js'
import type { RunState, ToolsState } from '../decide/types.js'

/** What of a run may be sensitive. */
type Hidden = Pick<RunState, 'args' | 'item' | 'result' | 'envelope' | 'error' | 'log' | 'tools'>

/** A run's columns: of a sensitive one the mask, and beside it what it hides. */
export interface RunColumns extends Hidden {
  readonly sealed: string | null
}

export function columnsOf(run: RunState, keyRing: KeyRing): RunColumns {
  const { args, item, result, envelope, error, log, tools } = run
  const plain = { args, item, result, envelope, error, log, tools }
  if (!run.isSensitive) return { ...plain, sealed: null }
  const hidden: JsonObject = { ...plain, error: error && { ...error }, tools: tools && toolsJson(tools) }
  return {
    args: {},
    item: item === null ? null : MASK,
    result: MASK,
    envelope: envelope && shownEnvelope(envelope),
    error: error && shownError(error, true),
    log: log === null ? null : MASK,
    tools: tools && shownTools(tools),
    sealed: keyRing.seal(hidden, runLocation(run.executionId, run.run)),
  }
}

/** As JSON, whose objects are plain. */
export function toolsJson({ done, ...state }: ToolsState): JsonObject {
  return { ...state, done: done.map((run) => ({ ...run, error: run.error && { ...run.error } })) }
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
    item = null,
    result = null,
    envelope = null,
    error = null,
    log = null,
    tools = null,
  } = keyRing.open(sealed, runLocation(executionId, run)) as JsonObject
  return {
    args: args as JsonObject,
    item,
    result,
    envelope: envelope as JsonObject | null,
    error: error as ExecutionError | null,
    log: log as string | null,
    tools: tools as unknown as ToolsState | null,
  }
}
