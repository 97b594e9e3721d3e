import type { EventDraft } from '../../commit/draft.js'
import type { VariableWrite } from '../../commit/record.js'
import type { ToolsState } from '../../commit/run.js'
import { TransientError } from '../../core/errors.js'
import { type JsonObject, jsonSize } from '../../core/json.js'
import { storableText } from '../../core/text.js'
import type { ToolRun } from '../../executions/record.js'
import type { ListedTool, ToolRule, VarEntry } from '../../playbook/model.js'
import { shownError } from '../../sealing/sensitive.js'
import { createContext, evaluateCondition } from '../../template/index.js'
import { type Envelope, envelopeOf, errorValue, layersOf, withoutData } from './context.js'
import { errorOf, failedBy, failure, isSensitiveEnd, MAX_LIST_BYTES } from './outcome.js'
import { delayOf } from './retry.js'
import { isStepFault, trackSensitiveCondition } from './sensitive.js'
import { type ToolTurn, turnOf } from './tool-turn.js'
import type { DecideRequest, Decision, Outcome, Snapshot } from './types.js'
import { asStepFault, evaluateVars, mergeWrites } from './vars.js'

/** Tools without a call that are decided in one transaction; then the next one becomes a task. */
const MAX_CHAINED = 32

/** What follows from the end of one tool of a list: a decision, or the end of the step. */
export type ToolEnd =
  | { readonly kind: 'goes_on'; readonly decision: Decision }
  | { readonly kind: 'ended'; readonly request: DecideRequest; readonly events: readonly EventDraft[] }

/** Ends the turn of a tool by its rules, and of those after it that call nothing. Pure. */
export function endTurn(request: DecideRequest): ToolEnd {
  const { limits, rejection, earlierWrites = [] } = request
  const events: EventDraft[] = []
  let { snapshot, outcome } = request
  let writes = earlierWrites
  for (let chained = 0; ; chained += 1) {
    const turn = turnOf(snapshot)
    if (!turn) throw new Error(`run ${snapshot.run.run} has no tool whose turn it is`)
    const refused = rejection && outcome.status === 'success' ? failedBy(outcome, rejection.error) : outcome
    const isFinal = request.isFinal === true || (rejection ?? null) !== null
    const log = chained === 0 ? (request.log ?? null) : null
    const end = byRules({ ...request, snapshot, outcome: refused, log }, { turn, isFinal })
    ;({ snapshot, outcome } = end)
    writes = mergeWrites(writes, end.writes)
    events.push(end.event)
    const { run, task } = snapshot
    const state = run.tools as ToolsState
    const save = { type: 'save_tools', run: run.run, tools: state, isSensitive: run.isSensitive } as const
    if (end.delayMs !== null) {
      const commands = [save, { type: 'retry', delayMs: end.delayMs } as const]
      return { kind: 'goes_on', decision: { writes, events, commands, call: null } }
    }
    const next = turnOf(snapshot)
    if (!next) return { kind: 'ended', request: { ...request, snapshot, outcome, earlierWrites: writes, isFinal: true }, events }
    if (state.turns >= limits.stepLimit) {
      const jump = `the last of them led from "${turn.listed.name}" to "${next.listed.name}"`
      const message = `step "${snapshot.step.name}": its tools ran ${state.turns} times (setting STEP_LIMIT), as jumps went on; ${jump}`
      const over = { ...run, tools: { ...state, current: null } }
      const stopped = failure(new TransientError('STEP_LIMIT', message))
      return {
        kind: 'ended',
        request: { ...request, snapshot: { ...snapshot, run: over }, outcome: stopped, isFinal: true },
        events,
      }
    }
    if (next.listed.tool || chained === MAX_CHAINED) {
      const commands = [save, { type: 'open_tool', tool: next.listed.tool } as const]
      return { kind: 'goes_on', decision: { writes, events, commands, call: null } }
    }
    const begun = { ...state, startedAt: request.now.toISOString(), firstAttempt: task.attempt }
    snapshot = { ...snapshot, run: { ...run, tools: begun } }
    outcome = { status: 'success', data: null, extras: {} }
  }
}

interface RuledEnd {
  /** With the tool's turn in it, what its rule set, and what comes next. */
  readonly snapshot: Snapshot
  /** The tool's; where the list ends, the step's. */
  readonly outcome: Outcome
  readonly writes: readonly VariableWrite[]
  readonly event: EventDraft
  /** Of a retry. */
  readonly delayMs: number | null
}

/** One turn's end: the rule that decides, what it sets, and where the list goes. */
function byRules(request: DecideRequest, { turn, isFinal }: { turn: ToolTurn; isFinal: boolean }): RuledEnd {
  const { snapshot } = request
  const set: Assigned = { writes: [], snapshot }
  if (isFinal) return settle(request, { turn, set, action: 'fail', to: null, delayMs: null })
  try {
    const { rule, delayMs, isExhausted } = ruleOf(request, turn)
    const isFailed = request.outcome.status === 'error'
    const action = rule?.action ?? (isFailed || isExhausted ? 'fail' : 'continue')
    const entries = [...(rule?.vars ?? []), ...(action === 'fail' || action === 'retry' ? [] : turn.listed.vars)]
    const assigned = assign(request, { turn, locals: rule?.locals ?? [], entries })
    const outcome = action === 'fail' ? failedByRule(request.outcome, { turn, rule, isExhausted }) : request.outcome
    return settle({ ...request, outcome }, { turn, set: assigned, action, to: rule?.to ?? null, delayMs })
  } catch (error) {
    const outcome = failedBy(request.outcome, asStepFault(error))
    return settle({ ...request, outcome }, { turn, set, action: 'fail', to: null, delayMs: null })
  }
}

function failedByRule(
  outcome: Outcome,
  { turn, rule, isExhausted }: { turn: ToolTurn; rule: ToolRule | null; isExhausted: boolean },
) {
  if (outcome.status === 'error') return outcome
  const why =
    isExhausted && !rule ? 'it succeeded, but a rule asks for another attempt, and there is none left' : `${rule?.at} fails it`
  return failedBy(outcome, { code: 'TOOL_FAILED', message: `${why} (${turn.listed.at})` })
}

interface Chosen {
  readonly rule: ToolRule | null
  readonly delayMs: number | null
  /** A rule asked for another attempt, and there was none left: then only rules with a condition are looked at. */
  readonly isExhausted: boolean
}

function ruleOf(request: DecideRequest, turn: ToolTurn): Chosen {
  const { snapshot, outcome } = request
  const isFailed = outcome.status === 'error'
  const layers = layersOf(snapshot, { envelope: turnEnvelope(request, turn), isSensitive: isSensitiveEnd(snapshot, outcome) })
  const unreadable = snapshot.sensitive?.unreadable
  const holds = ({ when, at }: ToolRule): boolean => {
    if (when === null) return !isFailed
    const tracked = { template: when, layers, at: `${at}.when`, unreadable }
    try {
      return trackSensitiveCondition(tracked, () => evaluateCondition(when, createContext(layers), tracked.at)).value
    } catch (error) {
      if (!isFailed || !isStepFault(error)) throw error
      return false
    }
  }
  let isExhausted = false
  for (const rule of turn.listed.rules) {
    if ((isExhausted && rule.when === null) || !holds(rule)) continue
    if (!rule.retry) return { rule, delayMs: null, isExhausted }
    const attempt = snapshot.task.attempt - turn.state.firstAttempt + 1
    const delayMs = delayOf(snapshot, { retry: rule.retry, attempt, layers, at: rule.at })
    if (delayMs !== null) return { rule, delayMs, isExhausted }
    isExhausted = true
  }
  return { rule: null, delayMs: null, isExhausted }
}

interface Assigned {
  readonly writes: readonly VariableWrite[]
  readonly snapshot: Snapshot
}

interface Assigning {
  readonly turn: ToolTurn
  readonly locals: readonly VarEntry[]
  readonly entries: readonly VarEntry[]
}

function assign(request: DecideRequest, { turn, locals, entries }: Assigning): Assigned {
  const { outcome } = request
  const envelope = turnEnvelope(request, turn)
  const isLenient = outcome.status === 'error'
  let { snapshot } = request
  const evaluate = (list: readonly VarEntry[]) => {
    const { vars } = snapshot
    return evaluateVars({ entries: list, snapshot, vars, envelope, isSensitive: isSensitiveEnd(snapshot, outcome), isLenient })
  }
  for (const entry of locals) {
    const [write] = evaluate([entry]).writes
    if (write?.operation !== 'set') continue
    const tools = { ...turn.state, ...snapshot.run.tools }
    const kept = { ...tools, locals: { ...tools.locals, [entry.name]: write.value } }
    const isSensitive = snapshot.run.isSensitive || write.isSensitive === true
    snapshot = { ...snapshot, run: { ...snapshot.run, tools: kept, isSensitive } }
  }
  const { writes, vars, sensitive } = evaluate(entries)
  return { writes, snapshot: { ...snapshot, vars, sensitive } }
}

/** `this` in the rules of a tool: its own attempts and times. */
function turnEnvelope({ snapshot, outcome, now }: DecideRequest, { state }: ToolTurn): Envelope {
  const envelope = envelopeOf(outcome, snapshot, now)
  return {
    ...envelope,
    attempt: snapshot.task.attempt - state.firstAttempt + 1,
    started_at: state.startedAt ?? envelope.started_at,
  }
}

interface Settling {
  readonly turn: ToolTurn
  readonly set: Assigned
  readonly action: ToolRule['action']
  readonly to: string | null
  readonly delayMs: number | null
}

function settle(request: DecideRequest, settling: Settling): RuledEnd {
  const { now } = request
  const { turn, set, action, to, delayMs } = settling
  const { snapshot } = set
  const { listed, state } = turn
  const before = { ...state, ...snapshot.run.tools }
  const isSensitive = isSensitiveEnd(snapshot, request.outcome)
  const ended = (outcome: Outcome) => runOf({ ...request, outcome }, turn)
  let { outcome } = request
  let done = withRun(before.done, ended(outcome))
  const size = done.reduce((sum, { result }) => sum + jsonSize(result), 0)
  const isTooMuch = size > MAX_LIST_BYTES
  if (isTooMuch) {
    const message = `the results of the list's tools have ${size} bytes together, the limit is ${MAX_LIST_BYTES}`
    outcome = failedBy({ ...outcome, data: null }, { code: 'TOOL_FAILED', message })
    done = withRun(before.done, ended(outcome))
  }
  const isRetry = delayMs !== null && !isTooMuch
  const next = isTooMuch ? null : nextOf(snapshot, { turn, action, to })
  const last = listed.tool ? listed.name : before.last
  const after: ToolsState = isRetry
    ? { ...before, current: listed.name }
    : { ...before, done, last, turns: before.turns + 1, current: next, startedAt: null, firstAttempt: snapshot.task.attempt + 1 }
  const run = { ...snapshot.run, tools: after, isSensitive }
  const isOver = !isRetry && next === null
  return {
    snapshot: { ...snapshot, run },
    outcome: isOver ? endOfList(outcome, { listed, after, isFailed: action === 'fail' || isTooMuch }) : outcome,
    writes: set.writes,
    event: eventOf({ ...request, outcome, snapshot, now }, { listed, action: isTooMuch ? 'fail' : action, to, delayMs }),
    delayMs: isRetry ? delayMs : null,
  }
}

function nextOf({ step }: Snapshot, { turn, action, to }: Pick<Settling, 'turn' | 'action' | 'to'>): string | null {
  if (action === 'jump') return to
  if (action === 'continue') return step.tools?.[turn.index + 1]?.name ?? null
  return null
}

/** What the step gives: the last tool that called something, and under `results` what each of them gave. */
function endOfList(
  outcome: Outcome,
  { listed, after, isFailed }: { listed: ListedTool; after: ToolsState; isFailed: boolean },
): Outcome {
  const results = Object.fromEntries(after.done.map(({ name, result }) => [name, result]))
  const last = after.done.find(({ name }) => name === after.last)
  const { isSensitive } = outcome
  const own = listed.tool ? outcome : { data: last?.result ?? null, extras: extrasOf(last?.envelope ?? {}) }
  const given = { data: own.data, extras: { ...own.extras, results }, ...(isSensitive ? { isSensitive } : {}) }
  if (!isFailed || outcome.status === 'success') return { status: 'success', ...given }
  const { code, message, ...more } = outcome.error
  return { status: 'error', error: { ...more, code, message: storableText(`tool "${listed.name}": ${message}`) }, ...given }
}

function extrasOf({
  status: _status,
  error: _error,
  attempt: _attempt,
  started_at: _from,
  finished_at: _to,
  ...extras
}: JsonObject) {
  return extras
}

function withRun(done: readonly ToolRun[], run: ToolRun): ToolRun[] {
  const before = done.find(({ name }) => name === run.name)
  const kept = { ...run, turns: (before?.turns ?? 0) + 1 }
  return before ? done.map((entry) => (entry === before ? kept : entry)) : [...done, kept]
}

function runOf(request: DecideRequest, turn: ToolTurn): ToolRun {
  const { snapshot, outcome } = request
  const envelope = turnEnvelope(request, turn)
  const { attempt, started_at, finished_at } = envelope
  return {
    ...{ name: turn.listed.name, status: outcome.status === 'success' ? 'succeeded' : 'failed', turns: 1, attempts: attempt },
    ...{ result: outcome.data, envelope: withoutData(envelope), error: errorOf(snapshot, outcome), log: request.log ?? null },
    ...{ startedAt: started_at, finishedAt: finished_at },
  }
}

type Ruled = Pick<Settling, 'action' | 'to' | 'delayMs'> & { readonly listed: ListedTool }

function eventOf({ snapshot, outcome }: DecideRequest, { listed, action, to, delayMs }: Ruled): EventDraft {
  const { step, run, task } = snapshot
  const data: JsonObject = { tool: listed.name, do: action }
  if (to !== null) data['to'] = to
  if (run.iteration !== null) data['iteration'] = run.iteration
  if (delayMs !== null) data['delay_ms'] = delayMs
  if (outcome.status === 'error') data['error'] = shownError(errorValue(outcome.error), isSensitiveEnd(snapshot, outcome))
  const name = delayMs !== null ? 'tool.retried' : outcome.status === 'success' ? 'tool.completed' : 'tool.failed'
  return { name, step: step.name, run: run.run, attempt: task.attempt, data }
}
