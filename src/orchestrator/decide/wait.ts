import type { EventDraft } from '../../commit/draft.js'
import type { VariableWrite } from '../../commit/record.js'
import { isTransientError, TransientError } from '../../core/errors.js'
import { isSameJson, type JsonObject, type JsonValue } from '../../core/json.js'
import { parseTime } from '../../core/time.js'
import type { Wait } from '../../playbook/model.js'
import { DELAY_RULE, type NumberRule, TIMEOUT_RULE } from '../../playbook/numbers.js'
import { createContext, evaluateCondition, renderTree } from '../../template/index.js'
import { layersOf } from './context.js'
import { decide } from './decide.js'
import { requireNumber } from './numbers.js'
import { failure } from './outcome.js'
import { trackSensitive, trackSensitiveCondition } from './sensitive.js'
import type { DecideRequest, Decision, Snapshot } from './types.js'

type WaitRequest = Omit<DecideRequest, 'outcome'>

/**
 * The beginning of a step that waits, in the transaction that opens it: where its condition holds already, its end. Pure.
 * @throws TransientError TEMPLATE_* when something of it cannot be evaluated
 */
export function beginWait(request: WaitRequest, wait: Wait, writes: readonly VariableWrite[]): Decision {
  const { snapshot, now } = request
  const revision = snapshot.execution.revision + Number(writes.some((write) => isChanging(write, snapshot.vars)))
  const matched = { ...request, earlierWrites: writes }
  if (wait.until !== null && holds(snapshot, wait.until)) return matchedWait(matched, revision)
  const timeoutMs = timeoutOf(snapshot, wait, now)
  if (wait.until === null && timeoutMs !== null && timeoutMs <= 0) return matchedWait(matched, null)
  const deadline = timeoutMs === null ? null : new Date(now.getTime() + timeoutMs).toISOString()
  const { until, reads } = wait
  const state = { until, reads, deadline, since: now.toISOString(), ask: null }
  const event = eventOf(snapshot, 'step.waiting', deadline === null ? {} : { deadline })
  return { writes, events: [event], commands: [{ type: 'open_wait', run: snapshot.run.run, wait: state, timeoutMs }], call: null }
}

function isChanging(write: VariableWrite, vars: JsonObject): boolean {
  const { name } = write
  if (write.operation === 'delete') return Object.hasOwn(vars, name)
  return write.operation !== 'set' || !Object.hasOwn(vars, name) || !isSameJson(vars[name] ?? null, write.value)
}

/**
 * Whether a condition holds. What it reads and is not there (yet) makes it false.
 * @throws TransientError TEMPLATE_* when it cannot be evaluated
 */
export function holds(snapshot: Snapshot, until: string): boolean {
  const layers = layersOf(snapshot)
  const at = `${snapshot.step.at}.wait.until`
  const tracked = { template: until, layers, at, unreadable: snapshot.sensitive?.unreadable }
  try {
    return trackSensitiveCondition(tracked, () => evaluateCondition(until, createContext(layers), at)).value
  } catch (error) {
    if (isTransientError(error) && error.code === 'TEMPLATE_UNDEFINED') return false
    throw error
  }
}

/** The end of a wait whose condition held at a revision, or whose time has come (null). Pure. */
export function matchedWait(request: WaitRequest, revision: number | null): Decision {
  const { snapshot, now } = request
  const data = { matched_revision: revision, waited_seconds: waitedSeconds(snapshot, now) }
  const ended = decide({ ...request, outcome: { status: 'success', data, extras: {} }, isFinal: true })
  return withEvent(ended, eventOf(snapshot, 'step.matched', data))
}

/** The end of a wait whose deadline has passed: of one for a time its success, of one for a condition a failure. Pure. */
export function dueWait(request: WaitRequest): Decision {
  const { snapshot, now } = request
  if (snapshot.step.wait?.until == null) return matchedWait(request, null)
  const waited = waitedSeconds(snapshot, now)
  const message = `step "${snapshot.step.name}": its condition did not come true within ${waited} s`
  const ended = decide({ ...request, outcome: failure({ code: 'TIMEOUT', message }), isFinal: true })
  return withEvent(ended, eventOf(snapshot, 'step.timed_out', { waited_seconds: waited }))
}

/** The end of a wait whose condition cannot be evaluated. Pure. */
export function failedWait(request: WaitRequest, error: TransientError): Decision {
  return decide({ ...request, outcome: failure(error), isFinal: true })
}

function withEvent(decision: Decision, event: EventDraft): Decision {
  return { ...decision, events: [event, ...decision.events] }
}

function eventOf({ step, run, task }: Snapshot, name: string, data: JsonObject): EventDraft {
  const ofIteration = run.iteration === null ? {} : { iteration: run.iteration }
  return { name, step: step.name, run: run.run, attempt: task.attempt, data: { ...ofIteration, ...data } }
}

function waitedSeconds({ run: { wait } }: Snapshot, now: Date): number {
  return wait === null ? 0 : Math.max(0, (now.getTime() - Date.parse(wait.since)) / 1000)
}

/** How long it waits at most, from now on; null: for ever. */
function timeoutOf(snapshot: Snapshot, { forSeconds, moment, timeout }: Wait, now: Date): number | null {
  if (moment !== null) return momentOf(snapshot, moment).getTime() - now.getTime()
  if (forSeconds !== null) return secondsOf(snapshot, 'for', forSeconds, DELAY_RULE)
  return timeout === null ? null : secondsOf(snapshot, 'timeout', timeout, TIMEOUT_RULE)
}

function secondsOf(snapshot: Snapshot, name: string, written: JsonValue, rule: NumberRule): number {
  const at = `${snapshot.step.at}.wait.${name}`
  return Math.ceil(rendered(snapshot, written, at, (value) => requireNumber(value, at, rule)) * 1000)
}

function momentOf(snapshot: Snapshot, written: JsonValue): Date {
  const at = `${snapshot.step.at}.wait.at`
  return rendered(snapshot, written, at, (value) => {
    const moment = typeof value === 'string' ? parseTime(value) : null
    if (moment !== null) return moment
    throw new TransientError('TEMPLATE_ERROR', `${at}: must be a date and time in ISO 8601, such as 2026-12-24T18:00:00Z`)
  })
}

function rendered<T>(snapshot: Snapshot, template: JsonValue, at: string, read: (value: JsonValue) => T): T {
  const layers = layersOf(snapshot)
  const tracked = { template, layers, at, unreadable: snapshot.sensitive?.unreadable }
  return trackSensitive(tracked, () => read(renderTree(template, createContext(layers), at))).value
}
