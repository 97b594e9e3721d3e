import type { EventDraft } from '../../commit/draft.js'
import type { VariableWrite } from '../../commit/record.js'
import { isTransientError, TransientError } from '../../core/errors.js'
import { isSameJson, type JsonObject, type JsonValue, stringifyJson } from '../../core/json.js'
import { storableText } from '../../core/text.js'
import { parseTime } from '../../core/time.js'
import type { AskState } from '../../executions/record.js'
import type { Ask, Wait } from '../../playbook/model.js'
import { DELAY_RULE, type NumberRule, TIMEOUT_RULE } from '../../playbook/numbers.js'
import { MASK } from '../../sealing/mask.js'
import { createContext, evaluateCondition, renderTree } from '../../template/index.js'
import { layersOf } from './context.js'
import { decide } from './decide.js'
import { requireNumber } from './numbers.js'
import { failure } from './outcome.js'
import { trackSensitive, trackSensitiveCondition } from './sensitive.js'
import type { DecideRequest, Decision, Snapshot } from './types.js'
import { mergeWrites } from './vars.js'

/** Characters. */
const MAX_TITLE = 1000

type WaitRequest = Omit<DecideRequest, 'outcome'>

/**
 * The beginning of a step that waits, in the transaction that opens it: where its condition holds already, its end. Pure.
 * @throws TransientError TEMPLATE_* when something of it cannot be evaluated
 */
export function beginWait(request: WaitRequest, wait: Wait, writes: readonly VariableWrite[]): Decision {
  const { now } = request
  const { snapshot, cleared } = withoutAnswer(request.snapshot, wait)
  const all = mergeWrites(writes, cleared)
  const revision = snapshot.execution.revision + Number(all.some((write) => isChanging(write, request.snapshot.vars)))
  const matched = { ...request, snapshot, earlierWrites: all }
  if (wait.until !== null && holds(snapshot, wait.until)) return matchedWait(matched, revision)
  const timeoutMs = timeoutOf(snapshot, wait, now)
  if (isForTime(wait) && timeoutMs !== null && timeoutMs <= 0) return matchedWait(matched, null)
  const deadline = timeoutMs === null ? null : new Date(now.getTime() + timeoutMs).toISOString()
  const { until, reads } = wait
  const state = { until, reads, deadline, since: now.toISOString(), ask: wait.ask && askOf(snapshot, wait.ask) }
  const event = eventOf(snapshot, 'step.waiting', deadline === null ? {} : { deadline })
  return {
    writes: all,
    events: [event],
    commands: [{ type: 'open_wait', run: snapshot.run.run, wait: state, timeoutMs }],
    call: null,
  }
}

/** Of `again`: the answer of an earlier time goes first. */
function withoutAnswer(snapshot: Snapshot, { ask }: Wait): { readonly snapshot: Snapshot; readonly cleared: VariableWrite[] } {
  const names = ask?.isAgain ? ask.names.filter((name) => Object.hasOwn(snapshot.vars, name)) : []
  if (names.length === 0) return { snapshot, cleared: [] }
  const vars = Object.fromEntries(Object.entries(snapshot.vars).filter(([name]) => !names.includes(name)))
  return { snapshot: { ...snapshot, vars }, cleared: names.map((name) => ({ operation: 'delete', name })) }
}

/** What people are asked now; the mask where the title reads something sensitive. */
function askOf(snapshot: Snapshot, { title, roles, form, names }: Ask): AskState {
  const layers = layersOf(snapshot)
  const at = `${snapshot.step.at}.wait.ask.title`
  const tracked = { template: title, layers, at, unreadable: snapshot.sensitive?.unreadable }
  const { value, isSensitive } = trackSensitive(tracked, () => renderTree(title, createContext(layers), at))
  const text = typeof value === 'string' ? value : stringifyJson(value)
  return { title: isSensitive ? MASK : storableText(text.slice(0, MAX_TITLE)), roles, form, names, answered: null }
}

/** It ends by itself, and that is no failure. */
function isForTime({ forSeconds, moment }: Wait): boolean {
  return forSeconds !== null || moment !== null
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

/** The end of a wait whose deadline has passed: of one for a time its success, of one for a condition or an answer a failure. Pure. */
export function dueWait(request: WaitRequest): Decision {
  const { snapshot, now } = request
  const { wait } = snapshot.step
  if (!wait || isForTime(wait)) return matchedWait(request, null)
  const waited = waitedSeconds(snapshot, now)
  const what = wait.until === null ? 'nobody answered' : 'its condition did not come true'
  const message = `step "${snapshot.step.name}": ${what} within ${waited} s`
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
