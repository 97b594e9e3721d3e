import type { VariableWrite } from '../../commit/record.js'
import { TransientError } from '../../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import type { ToolCall } from '../../playbook/model.js'
import { TIMEOUT_RULE } from '../../playbook/numbers.js'
import { MASK } from '../../sealing/mask.js'
import {
  type ContextLayers,
  createContext,
  evaluateCondition,
  renderTree,
  sensitiveReads,
  toPlainContext,
} from '../../template/index.js'
import { definitionOf } from '../../tools/index.js'
import type { ToolDefinition } from '../../tools/tool.js'
import { checkJoined } from './branches.js'
import { layersOf } from './context.js'
import { decide, skip } from './decide.js'
import { giveUp, isGivenUp } from './give-up.js'
import { joinLoop, planLoop } from './iterate.js'
import { evaluateLocals } from './locals.js'
import { requireNumber } from './numbers.js'
import { failure } from './outcome.js'
import type { RouteTrace } from './routing.js'
import { type TrackedResult, trackSensitive, trackSensitiveCondition, trackSensitiveReads } from './sensitive.js'
import { checkStorable } from './storable.js'
import { callOf, turnOf } from './tool-turn.js'
import type { Command, Decision, Limits, Outcome, Rejection, Snapshot } from './types.js'
import { asStepFault, evaluateVars, mergeWrites, stateWrite, type VarsResult } from './vars.js'
import { beginWait } from './wait.js'

/** In the input of a waiting task: which of the child's args are sensitive. */
export const SENSITIVE_ARGS = 'sensitive_args'

/** The longest that timers of workers and the API's integers hold: 24.8 days. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

export interface PrepareRequest {
  readonly snapshot: Snapshot
  readonly limits: Limits
  readonly now: Date
  readonly rejection?: Rejection | null
}

/**
 * What an attempt begins with: the `before` block, then the iterator's expansion, the rendered call of a tool, or, for
 * a step that has none, its end. A fault on the way fails the attempt. Pure.
 */
export function prepare(request: PrepareRequest): Decision {
  const { snapshot, limits, rejection } = request
  const end = (outcome: Outcome, more: { writes?: readonly VariableWrite[]; isFinal?: boolean } = {}) =>
    decide({ ...request, outcome, earlierWrites: more.writes ?? [], isFinal: more.isFinal ?? false })
  if (isGivenUp(snapshot)) return giveUp(request)
  if (snapshot.task.deliveries > limits.maxDeliveries) {
    const message = `step "${snapshot.step.name}": its worker was lost ${limits.maxDeliveries} times`
    return end(failure({ code: 'TOOL_FAILED', message }), { isFinal: true })
  }
  if (snapshot.task.kind === 'join') {
    const loop = snapshot.run.loop
    if (!loop) throw new Error(`run ${snapshot.run.run} has no loop to join`)
    return end(joinLoop(snapshot.iterations, loop))
  }
  const opened = withTurn(snapshot, request.now)
  let before: ReturnType<typeof evaluateBefore>
  let current: Snapshot
  try {
    if (snapshot.run.fault) throw snapshot.run.fault
    checkJoined(snapshot)
    const trace = refusedEntry(snapshot)
    if (trace) return skip(snapshot, trace)
    if (rejection && !snapshot.run.isPrepared) throw rejection.error
    before = evaluateBefore(snapshot)
    current = withLocals({ ...opened, vars: before.vars, sensitive: before.sensitive })
  } catch (error) {
    const outcome = failure(asStepFault(error))
    const remaining = rejection?.dropped === 'all' ? rejection : null
    return withStart(opened, decide({ ...request, snapshot: opened, rejection: remaining, outcome, isFinal: true }))
  }
  return withStart(current, begin({ ...request, snapshot: current }, before.writes))
}

/** Of a list of tools, the turn that begins now. */
function withTurn(snapshot: Snapshot, now: Date): Snapshot {
  const turn = turnOf(snapshot)
  if (!turn) return snapshot
  const { startedAt } = turn.state
  return { ...snapshot, run: { ...snapshot.run, tools: { ...turn.state, startedAt: startedAt ?? now.toISOString() } } }
}

/** Why a visit is not entered: its `when` does not hold. null: it is. */
function refusedEntry(snapshot: Snapshot): RouteTrace | null {
  const { step, run, sensitive } = snapshot
  const { when } = step
  if (when === null || run.isPrepared || run.iteration !== null) return null
  const layers = layersOf(snapshot)
  const tracked = { template: when, layers, at: `${step.at}.when`, unreadable: sensitive?.unreadable }
  const { value, isSensitive } = trackSensitiveCondition(tracked, () =>
    evaluateCondition(when, createContext(layers), tracked.at),
  )
  return value ? null : { at: tracked.at, when, event: null, outcome: isSensitive ? MASK : value }
}

function evaluateBefore(snapshot: Snapshot): Omit<VarsResult, 'skipped'> {
  const { vars, sensitive = null, run, step } = snapshot
  if (run.isPrepared || run.iteration !== null) return { writes: [], vars, sensitive }
  return evaluateVars({ entries: step.vars.before, snapshot, vars, envelope: null, isSensitive: false, isLenient: false })
}

function withLocals(snapshot: Snapshot): Snapshot {
  const { value: locals, isSensitive } = evaluateLocals(snapshot)
  return locals === null ? snapshot : { ...snapshot, run: { ...snapshot.run, locals, isSensitive } }
}

function begin(request: PrepareRequest, writes: readonly VariableWrite[]): Decision {
  const { snapshot, limits } = request
  const { step, run } = snapshot
  const written = callOf(snapshot)
  try {
    if (step.loop && run.iteration === null) return openLoop(snapshot, writes)
    if (step.wait) return beginWait(request, step.wait, writes)
    if (!written) {
      const outcome: Outcome = { status: 'success', data: null, extras: {} }
      return decide({ ...request, outcome, earlierWrites: writes })
    }
    const { value: call, isSensitive } = renderCall(snapshot, written)
    if (call.kind === 'playbook') return { ...startChild({ snapshot, input: call.input, writes, limits }), isSensitive }
    const timeoutMs = timeoutOf(snapshot, limits)
    return { writes, events: [], commands: [], call: { ...call, timeoutMs, ...partOf(snapshot) }, isSensitive }
  } catch (error) {
    return decide({ ...request, outcome: failure(asStepFault(error)), earlierWrites: writes })
  }
}

function partOf(snapshot: Snapshot): { part?: string } {
  const turn = turnOf(snapshot)
  return turn ? { part: `${turn.listed.name}:${turn.state.turns + 1}` } : {}
}

/** Every attempt starts its run first: status, time, and that `before` was evaluated. */
function withStart(snapshot: Snapshot, decision: Decision): Decision {
  const { step, run, task } = snapshot
  const isSensitive = decision.isSensitive ?? run.isSensitive
  const start: Command = { type: 'start_run', run: run.run, attempt: task.attempt, locals: run.locals, isSensitive }
  const data = run.iteration === null ? null : { iteration: run.iteration }
  const name = run.iteration === null ? 'step.started' : 'iteration.started'
  const event = { name, step: step.name, run: run.run, attempt: task.attempt, data }
  const { tools } = run
  if (!tools?.current) return { ...decision, commands: [start, ...decision.commands], events: [event, ...decision.events] }
  const save: Command = { type: 'save_tools', run: run.run, tools, isSensitive: run.isSensitive || isSensitive }
  const ofTool = { ...event, name: 'tool.started', data: { ...data, tool: tools.current } }
  const events = task.attempt === 1 ? [event, ofTool] : [ofTool]
  return { ...decision, commands: [start, save, ...decision.commands], events: [...events, ...decision.events] }
}

function openLoop(snapshot: Snapshot, earlier: readonly VariableWrite[]): Decision {
  const { step, run } = snapshot
  if (!step.loop) throw new Error(`step ${step.name} is no iterator`)
  const { items, loop, isSensitive } = planLoop(snapshot, step.loop)
  const kept = (suffix: string, value: JsonValue) => stateWrite(snapshot, suffix, { value, isSensitive })
  const state = [kept('total', items.length), kept('count', 0)]
  const commands: Command[] = [{ type: 'open_loop', run: run.run, items, loop }]
  if (items.length === 0) commands.push({ type: 'join_loop', run: run.run })
  return { writes: mergeWrites(earlier, state), events: [], commands, call: null, isSensitive }
}

function startChild({
  snapshot,
  input,
  writes,
  limits,
}: {
  snapshot: Snapshot
  input: JsonObject
  writes: readonly VariableWrite[]
  limits: Limits
}): Decision {
  if (snapshot.execution.depth + 1 > limits.childDepth) {
    const message = `step "${snapshot.step.name}": playbooks are nested deeper than ${limits.childDepth} (setting CHILD_DEPTH)`
    throw new TransientError('STEP_LIMIT', message)
  }
  // A parent that waits holds no worker: without a timeout of its own it may wait as long as the child runs.
  const timeoutMs = writtenTimeout(snapshot) === null ? null : timeoutOf(snapshot, limits)
  return { writes, events: [], commands: [{ type: 'start_child', input, timeoutMs }], call: null }
}

/** The call that a step makes: a `workbook` step makes its task's, with its own args over the task's. */
export function effectiveCall(snapshot: Pick<Snapshot, 'playbook' | 'step'>, call: ToolCall): ToolCall {
  if (call.kind !== 'workbook') return call
  const task = snapshot.playbook.workbook.find((entry) => entry.name === call.parameters['name'])
  if (!task) throw new TransientError('TOOL_FAILED', `step "${snapshot.step.name}": the workbook has no task of that name`)
  const args = { ...argsOf(task.tool.parameters), ...argsOf(call.parameters) }
  return { kind: task.tool.kind, parameters: { ...task.tool.parameters, args } }
}

function argsOf(parameters: JsonObject): JsonObject {
  const args = parameters['args']
  return isJsonObject(args) ? args : {}
}

/** A call that was rendered from something sensitive is sensitive, with all that the tool makes of it. */
function renderCall(snapshot: Snapshot, written: ToolCall): TrackedResult<{ kind: string; input: JsonObject }> {
  const { step, run } = snapshot
  const call = effectiveCall(snapshot, written)
  const definition = definitionOf(call.kind)
  if (!definition) throw new TransientError('TOOL_FAILED', `step "${step.name}": there is no tool "${call.kind}" here`)
  const layers = layersOf(snapshot)
  const reads = readsOf(call, definition, layers)
  const at = turnOf(snapshot)?.listed.at ?? `${step.at}.tool`
  const rendered = trackSensitiveReads(reads, { at, unreadable: snapshot.sensitive?.unreadable }, () => {
    const context = createContext(layers)
    const input = definition.render(call.parameters, {
      tree: (value, path) => renderTree(value, context, `${at}.${path}`),
      context: () => toPlainContext(layers),
    })
    const isGiven = 'args' in input || Object.keys(run.args).length > 0
    const takesArgs = definition.isCustom ? isGiven : Object.hasOwn(definition.parameters.shape, 'args')
    const complete = takesArgs ? { ...input, args: { ...argsOf(input), ...run.args } } : input
    checkExpected(snapshot, written, argsOf(complete))
    const secrets = call.kind === 'playbook' ? sensitiveArgs(call, argsOf(complete), { layers, run }) : []
    const marked = secrets.length === 0 ? complete : { ...complete, [SENSITIVE_ARGS]: secrets }
    return { kind: call.kind, input: checkStorable(marked, at) }
  })
  return { value: rendered.value, isSensitive: rendered.isSensitive || run.isSensitive }
}

/** What the call's templates read of the sensitive; one that sees the context by name may read all of it. */
function readsOf(call: ToolCall, definition: ToolDefinition, layers: ContextLayers): string[] {
  const { sensitive } = layers
  if (sensitive === undefined) return []
  const seen = definition.contextNames?.(call.parameters) ?? []
  const names = seen === 'all' ? ['vars', 'results', 'workload', ...sensitive.locals, ...sensitive.builtins] : seen
  return sensitiveReads([call.parameters, ...names.map((name) => `{{ ${name} }}`)], layers)
}

/** Which of a child's workload keys come from something sensitive. */
function sensitiveArgs(
  call: ToolCall,
  args: JsonObject,
  { layers, run }: { readonly layers: ContextLayers; readonly run: Snapshot['run'] },
): string[] {
  const templates = call.parameters['args'] ?? null
  const isRead = (template: JsonValue) => sensitiveReads(template, layers).length > 0
  return Object.keys(args).filter((key) => {
    if (Object.hasOwn(run.args, key)) return run.isSensitive
    return isRead(isJsonObject(templates) ? (templates[key] ?? null) : templates)
  })
}

function checkExpected({ playbook, step }: Snapshot, written: ToolCall, args: JsonObject): void {
  if (written.kind !== 'workbook') return
  const task = playbook.workbook.find((entry) => entry.name === written.parameters['name'])
  const missing = (task?.expects ?? []).filter((name) => !Object.hasOwn(args, name))
  if (missing.length === 0) return
  throw new TransientError('TOOL_FAILED', `step "${step.name}": the workbook task "${task?.name}" expects ${missing.join(', ')}`)
}

function writtenTimeout(snapshot: Snapshot): JsonValue {
  return turnOf(snapshot)?.listed.timeout ?? snapshot.step.timeout
}

function timeoutOf(snapshot: Snapshot, limits: Limits): number {
  const { step } = snapshot
  const own = callOf(snapshot)
  const call = own ? effectiveCall(snapshot, own) : null
  const ofTool = call && !definitionOf(call.kind)?.isCustom ? (call.parameters['timeout'] ?? null) : null
  const written = writtenTimeout(snapshot) ?? ofTool
  if (written === null) return limits.stepTimeoutMs
  const layers = layersOf(snapshot)
  const at = `${step.at}.timeout`
  const { value } = trackSensitive({ template: written, layers, at, unreadable: snapshot.sensitive?.unreadable }, () =>
    requireNumber(renderTree(written, createContext(layers), at), at, TIMEOUT_RULE),
  )
  return Math.min(Math.ceil(value * 1000), MAX_TIMEOUT_MS)
}
