import type { EventDraft } from '../../commit/draft.js'
import type { VariableWrite } from '../../commit/record.js'
import type { ToolsState } from '../../commit/run.js'
import type { JsonObject, JsonValue } from '../../core/json.js'
import type { ExecutionError } from '../../executions/record.js'
import type { Operations } from '../../playbook/model.js'
import { NO_OPERATIONS } from '../../playbook/operations.js'
import { MASK } from '../../sealing/mask.js'
import { type Sensitive, shownError } from '../../sealing/sensitive.js'
import { openTargets } from './branches.js'
import { attemptOf, type Envelope, envelopeOf, errorValue, layersOf, withoutData } from './context.js'
import { evaluateOperations } from './operations.js'
import { checkOutcome, checkResult, errorOf, failedBy, isSensitiveEnd } from './outcome.js'
import { planRetry } from './retry.js'
import { type RouteTrace, type Routing, route } from './routing.js'
import { endTurn } from './tool-list.js'
import { turnOf } from './tool-turn.js'
import type { Command, DecideRequest, Decision, Limits, Outcome, Snapshot } from './types.js'
import { asStepFault, evaluateVars, givesSecret, mergeWrites, stateWrite } from './vars.js'

/** Of what an event lists, so that it stays small. */
const MAX_SHOWN = 100
/** Characters of what the tools of a list logged together. */
const MAX_LOG = 256 * 1024

/** What follows from the end of an attempt: retry, or vars, routing and the execution's own end. Pure. */
export function decide(request: DecideRequest): Decision {
  const isGiven = givesSecret(request.snapshot)
  const given = isGiven ? { ...request, outcome: { ...request.outcome, isSensitive: true } } : request
  const checked = { ...given, outcome: checkOutcome(given.snapshot, given.outcome) }
  if (turnOf(checked.snapshot)) {
    const end = endTurn(checked)
    return end.kind === 'goes_on' ? end.decision : withEvents(endRun(resultChecked(end.request)), end.events)
  }
  const fitting = resultChecked(checked)
  const { retry, trace, outcome } = fitting.isFinal ? { ...fitting, retry: null, trace: null } : tryAgain(fitting)
  if (retry) return retry
  const ended = { ...fitting, outcome }
  const decision = endRun(ended)
  return trace ? withTrace(decision, trace) : decision
}

function resultChecked(request: DecideRequest): DecideRequest {
  return { ...request, outcome: checkResult(request.snapshot, request.outcome) }
}

function endRun(request: DecideRequest): Decision {
  return request.snapshot.run.iteration === null ? endVisit(request) : endIteration(request)
}

function withEvents(decision: Decision, events: readonly EventDraft[]): Decision {
  return { ...decision, events: [...events, ...decision.events] }
}

interface Tried {
  readonly retry: Decision | null
  /** Why `retry.when` could not be evaluated. */
  readonly trace: RouteTrace | null
  readonly outcome: Outcome
}

/** The attempt's retry, or its end. */
function tryAgain({ snapshot, outcome, now, earlierWrites = [] }: DecideRequest): Tried {
  const none = { retry: null, trace: null, outcome }
  if (outcome.status === 'success') return none
  const { step, task, run } = snapshot
  const isSensitive = isSensitiveEnd(snapshot, outcome)
  const plan = planRetry(snapshot, { envelope: envelopeOf(outcome, snapshot, now), isSensitive })
  if (plan.kind === 'none') return none
  if (plan.kind === 'refused') return { ...none, trace: plan.trace }
  if (plan.kind === 'fault') {
    const { code, message } = plan.error
    const { error } = outcome
    return {
      ...none,
      outcome: failedBy(outcome, { code, message: `${message} (the attempt failed with ${error.code}: ${error.message})` }),
    }
  }
  const { delayMs } = plan
  const data: JsonObject = { error: shownError(errorValue(outcome.error), isSensitive), delay_ms: delayMs }
  const retry: Decision = {
    writes: earlierWrites,
    events: [{ name: 'step.retried', step: step.name, run: run.run, attempt: task.attempt, data }],
    commands: [{ type: 'retry', delayMs }],
    call: null,
  }
  return { ...none, retry }
}

/** Adds to the event that ends the attempt, the first of a decision. */
function withTrace(decision: Decision, trace: RouteTrace): Decision {
  const [event, ...others] = decision.events
  if (!event) return decision
  const routes = event.data?.['routes'] ?? []
  const data = { ...event.data, routes: [{ ...trace }, ...(Array.isArray(routes) ? routes : [])] }
  return { ...decision, events: [{ ...event, data }, ...others] }
}

interface Settled {
  readonly outcome: Outcome
  readonly envelope: Envelope
  readonly writes: readonly VariableWrite[]
  readonly vars: JsonObject
  readonly sensitive: Sensitive | null
  readonly skipped: readonly { readonly name: string; readonly message: string }[]
  /** Of a step that failed, nothing. */
  readonly operations: Operations<VariableWrite>
}

/** What is written when an attempt has ended. */
interface Block {
  readonly entries: Snapshot['step']['vars']['after']
  readonly operations: Snapshot['step']['operations']
}

/** The `vars` block after the tool, and the operations on variables of others. A failing entry fails a successful attempt, and nothing of the block is written. */
function settle(request: DecideRequest, { entries, operations }: Block): Settled {
  const { snapshot, rejection, now } = request
  let outcome = request.outcome
  const envelopeFor = () => envelopeOf(outcome, snapshot, now)
  if (rejection && outcome.status === 'success') outcome = failedBy(outcome, rejection.error)
  const none = { writes: [], vars: snapshot.vars, sensitive: snapshot.sensitive ?? null, operations: NO_OPERATIONS }
  const isSensitive = isSensitiveEnd(snapshot, outcome)
  if (rejection) {
    const message = isSensitive ? MASK : rejection.error.message
    return { ...none, outcome, envelope: envelopeFor(), skipped: [{ name: '*', message }] }
  }
  const evaluate = (isLenient: boolean) =>
    evaluateVars({ entries, snapshot, vars: snapshot.vars, envelope: envelopeFor(), isSensitive, isLenient })
  if (outcome.status === 'error') return { outcome, envelope: envelopeFor(), ...evaluate(true), operations: NO_OPERATIONS }
  try {
    const envelope = envelopeFor()
    const { writes, vars, sensitive } = evaluate(false)
    const layersNow = () => layersOf(snapshot, { vars, sensitive, envelope, isSensitive })
    const evaluated = evaluateOperations(operations, snapshot, layersNow)
    return { outcome, envelope, writes, vars, sensitive, skipped: [], operations: evaluated }
  } catch (error) {
    outcome = failedBy(outcome, asStepFault(error))
    return { ...none, outcome, envelope: envelopeFor(), skipped: [] }
  }
}

function endVisit(request: DecideRequest): Decision {
  const { snapshot, limits } = request
  const { vars, operations } = snapshot.step
  const settled = settle(request, { entries: vars.after, operations })
  const routed = request.isWithoutRouting ? { ...settled, routing: NO_ROUTING } : routeSettled(request, settled)
  const { outcome, envelope, routing } = routed
  const failed = errorOf(snapshot, outcome)
  const error = failed && shownError(failed, isSensitiveEnd(snapshot, outcome))
  const writes = mergeWrites(request.rejection?.dropped === 'all' ? [] : (request.earlierWrites ?? []), settled.writes)
  const commands: Command[] = [finishRun(snapshot, outcome, envelope)]
  const { opened, ...openings } = openTargets(snapshot, routing.targets)
  commands.push(...openings.commands)
  const end = endOfExecution({ snapshot, limits, error: routing.isHandled ? null : error, opened })
  if (end?.status === 'failed') commands.splice(1)
  if (end) commands.push(end)
  const event = endEvent(snapshot, outcome, { skipped: settled.skipped, trace: routing.trace })
  const done = outcome.status === 'success' ? settled.operations : NO_OPERATIONS
  return { writes, operations: done, events: [event, ...openings.events], commands, call: null }
}

/** A visit that is not entered: nothing of it runs, nothing follows from it. Pure. */
export function skip(snapshot: Snapshot, trace: RouteTrace): Decision {
  const { step, run } = snapshot
  const { tools } = run
  const nothing = { result: null, envelope: null, error: null, isSensitive: run.isSensitive, tools, log: null }
  const commands: Command[] = [{ type: 'finish_run', run: run.run, status: 'skipped', ...nothing }]
  if (snapshot.otherLiveVisits === 0) commands.push({ type: 'end_execution', status: 'completed', error: null })
  const event = { name: 'step.skipped', step: step.name, run: run.run, attempt: null, data: { routes: [{ ...trace }] } }
  return { writes: [], events: [event], commands, call: null }
}

const NO_ROUTING: Routing = { isHandled: false, targets: [], trace: [] }

/** Routing after the vars; a `when` that fails turns a successful step into a failed one, which is then routed as such. */
function routeSettled(
  { snapshot, now }: DecideRequest,
  settled: Settled,
): { outcome: Outcome; envelope: Envelope; routing: Routing } {
  const routeAs = (outcome: Outcome) => {
    const envelope = envelopeOf(outcome, snapshot, now)
    const { vars, sensitive } = settled
    const layers = layersOf(snapshot, { vars, sensitive, envelope, isSensitive: isSensitiveEnd(snapshot, outcome) })
    const { next, cases, loop } = snapshot.step
    const isFailed = outcome.status === 'error'
    const unreadable = sensitive?.unreadable
    const routing = route({ next, cases, isFailed, isIterator: loop !== null, layers, unreadable })
    return { outcome, envelope, routing }
  }
  try {
    return routeAs(settled.outcome)
  } catch (error) {
    return routeAs(failedBy(settled.outcome, asStepFault(error)))
  }
}

function endOfExecution({
  snapshot,
  limits,
  error,
  opened,
}: {
  snapshot: Snapshot
  limits: Limits
  error: ExecutionError | null
  opened: number
}): Extract<Command, { type: 'end_execution' }> | null {
  if (error) return { type: 'end_execution', status: 'failed', error }
  if (snapshot.execution.stepCount + opened > limits.stepLimit) {
    const message = `the execution reached ${limits.stepLimit} steps (setting STEP_LIMIT) after step "${snapshot.step.name}"`
    const attempt = attemptOf(snapshot)
    return { type: 'end_execution', status: 'failed', error: { code: 'STEP_LIMIT', message, step: snapshot.step.name, attempt } }
  }
  if (opened > 0 || snapshot.otherLiveVisits > 0) return null
  return { type: 'end_execution', status: 'completed', error: null }
}

function endIteration(request: DecideRequest): Decision {
  const { snapshot, rejection } = request
  const { step, run, parent } = snapshot
  const loop = parent?.loop
  if (!parent || !loop || !step.loop) throw new Error(`run ${run.run} is an iteration of nothing`)
  const settled = settle(request, { entries: step.loop.taskVars, operations: step.loop.taskOperations })
  const failed = errorOf(snapshot, settled.outcome)
  const error = failed && shownError(failed, isSensitiveEnd(snapshot, settled.outcome))
  const isStopping = error !== null && step.loop.isFailFast
  const done = loop.done + 1
  const isMore = !isStopping && loop.opened < loop.total
  const after = {
    ...loop,
    done,
    failed: loop.failed + (error ? 1 : 0),
    opened: loop.opened + (isMore ? 1 : 0),
    stopped: isStopping ? error : loop.stopped,
  }
  const commands: Command[] = [finishRun(snapshot, settled.outcome, settled.envelope)]
  commands.push({ type: 'save_loop', run: parent.run, loop: after })
  if (isStopping) commands.push({ type: 'withdraw_iterations', run: parent.run })
  if (isMore) commands.push({ type: 'open_iteration', run: loop.firstRun + loop.opened })
  if (isStopping || done === loop.total) commands.push({ type: 'join_loop', run: parent.run })
  const kept = (suffix: string, value: JsonValue) => stateWrite(snapshot, suffix, { value, isSensitive: parent.isSensitive })
  const state = [kept('index', run.iteration ?? 0), kept('item', run.item), kept('count', done)]
  return {
    writes: rejection?.dropped === 'all' ? [] : mergeWrites(request.earlierWrites ?? [], state, settled.writes),
    operations: settled.operations,
    events: [endEvent(snapshot, settled.outcome, { skipped: settled.skipped, trace: [] })],
    commands,
    call: null,
  }
}

function finishRun(snapshot: Snapshot, outcome: Outcome, envelope: Envelope): Command {
  return {
    type: 'finish_run',
    run: snapshot.run.run,
    status: outcome.status === 'success' ? 'succeeded' : 'failed',
    result: outcome.data,
    envelope: withoutData(envelope),
    error: errorOf(snapshot, outcome),
    isSensitive: isSensitiveEnd(snapshot, outcome),
    tools: snapshot.run.tools && withoutResults(snapshot.run.tools),
    log: logOf(snapshot.run.tools),
  }
}

function logOf(tools: ToolsState | null): string | null {
  const logs = (tools?.done ?? []).flatMap(({ name, log }) => (log === null ? [] : [`[${name}]\n${log}`]))
  return logs.length === 0 ? null : logs.join('\n').slice(0, MAX_LOG)
}

/** Of a list that is over, the results stand in the envelope, where later steps find them. */
function withoutResults(tools: ToolsState): ToolsState {
  return { ...tools, locals: {}, done: tools.done.map((run) => ({ ...run, result: null })) }
}

function endEvent(
  snapshot: Snapshot,
  outcome: Outcome,
  { skipped, trace }: { skipped: Settled['skipped']; trace: Routing['trace'] },
): EventDraft {
  const { step, run } = snapshot
  const noun = run.iteration === null ? 'step' : 'iteration'
  const data: JsonObject = {}
  if (run.iteration !== null) data['iteration'] = run.iteration
  if (run.loop)
    data['iterations'] = { total: run.loop.total, succeeded: run.loop.done - run.loop.failed, failed: run.loop.failed }
  if (outcome.status === 'error') data['error'] = shownError(errorValue(outcome.error), isSensitiveEnd(snapshot, outcome))
  if (skipped.length > 0) data['skipped_vars'] = skipped.slice(0, MAX_SHOWN).map((entry) => ({ ...entry }))
  if (skipped.length > MAX_SHOWN) data['skipped_vars_total'] = skipped.length
  if (trace.length > 0) data['routes'] = trace.map((entry) => ({ ...entry }))
  const name = `${noun}.${outcome.status === 'success' ? 'completed' : 'failed'}`
  return { name, step: step.name, run: run.run, attempt: attemptOf(snapshot), data }
}
