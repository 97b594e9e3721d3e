import { TransientError } from '../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js'
import type { ToolCall } from '../playbook/model.js'
import { createContext, renderTree, toPlainContext } from '../template/index.js'
import { definitionOf } from '../tools/index.js'
import type { VariableWrite } from '../variables/record.js'
import { layersOf } from './context.js'
import { decide, failure } from './decide.js'
import { joinLoop, planLoop } from './iterate.js'
import { checkStorable } from './storable.js'
import type { Command, Decision, Limits, Outcome, Rejection, Snapshot } from './types.js'
import { asStepFault, evaluateVars, mergeWrites, stateWrite } from './vars.js'

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
  if (snapshot.task.deliveries > limits.maxDeliveries) {
    const message = `step "${snapshot.step.name}": its worker was lost ${limits.maxDeliveries} times`
    return end(failure({ code: 'TOOL_FAILED', message }), { isFinal: true })
  }
  if (snapshot.task.kind === 'join') {
    const loop = snapshot.run.loop
    if (!loop) throw new Error(`run ${snapshot.run.run} has no loop to join`)
    return end(joinLoop(snapshot.iterations, loop))
  }
  let before: ReturnType<typeof evaluateBefore>
  try {
    if (rejection && !snapshot.run.isPrepared) throw rejection.error
    before = evaluateBefore(snapshot)
  } catch (error) {
    const outcome = failure(asStepFault(error))
    const remaining = rejection?.dropped === 'all' ? rejection : null
    return withStart(snapshot, decide({ ...request, rejection: remaining, outcome, isFinal: true }))
  }
  const current = { ...snapshot, vars: before.vars }
  return withStart(snapshot, begin({ ...request, snapshot: current }, before.writes))
}

function evaluateBefore(snapshot: Snapshot): { writes: readonly VariableWrite[]; vars: JsonObject } {
  if (snapshot.run.isPrepared || snapshot.run.iteration !== null) return { writes: [], vars: snapshot.vars }
  const entries = snapshot.step.vars.before
  return evaluateVars({ entries, snapshot, vars: snapshot.vars, envelope: null, isLenient: false })
}

function begin(request: PrepareRequest, writes: readonly VariableWrite[]): Decision {
  const { snapshot, limits } = request
  const { step, run } = snapshot
  try {
    if (step.loop && run.iteration === null) return openLoop(snapshot, writes)
    if (!step.tool) {
      const outcome: Outcome = { status: 'success', data: null, extras: {} }
      return decide({ ...request, outcome, earlierWrites: writes })
    }
    const call = renderCall(snapshot, step.tool)
    if (call.kind === 'playbook') return startChild({ snapshot, input: call.input, writes, limits })
    const timeoutMs = timeoutOf(snapshot, limits)
    return { writes, events: [], commands: [], call: { ...call, timeoutMs } }
  } catch (error) {
    return decide({ ...request, outcome: failure(asStepFault(error)), earlierWrites: writes })
  }
}

/** Every attempt starts its run first: status, time, and that `before` was evaluated. */
function withStart(snapshot: Snapshot, decision: Decision): Decision {
  const { step, run, task } = snapshot
  const start: Command = { type: 'start_run', run: run.run, attempt: task.attempt }
  const data = run.iteration === null ? null : { iteration: run.iteration }
  const name = run.iteration === null ? 'step.started' : 'iteration.started'
  const event = { name, step: step.name, run: run.run, attempt: task.attempt, data }
  return { ...decision, commands: [start, ...decision.commands], events: [event, ...decision.events] }
}

function openLoop(snapshot: Snapshot, earlier: readonly VariableWrite[]): Decision {
  const { step, run } = snapshot
  if (!step.loop) throw new Error(`step ${step.name} is no iterator`)
  const { items, loop } = planLoop(snapshot, step.loop)
  const state = [stateWrite(snapshot, 'total', items.length), stateWrite(snapshot, 'count', 0)]
  const commands: Command[] = [{ type: 'open_loop', run: run.run, items, loop }]
  if (items.length === 0) commands.push({ type: 'join_loop', run: run.run })
  return { writes: mergeWrites(earlier, state), events: [], commands, call: null }
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
  const timeoutMs = snapshot.step.timeout === null ? null : timeoutOf(snapshot, limits)
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

function renderCall(snapshot: Snapshot, written: ToolCall): { kind: string; input: JsonObject } {
  const { step, run } = snapshot
  const call = effectiveCall(snapshot, written)
  const definition = definitionOf(call.kind)
  if (!definition) throw new TransientError('TOOL_FAILED', `step "${step.name}": there is no tool "${call.kind}" here`)
  const layers = layersOf(snapshot)
  const context = createContext(layers)
  const input = definition.render(call.parameters, {
    tree: (value, path) => renderTree(value, context, `${step.at}.tool.${path}`),
    context: () => toPlainContext(layers),
  })
  const takesArgs = Object.hasOwn(definition.parameters.shape, 'args')
  const complete = takesArgs ? { ...input, args: { ...argsOf(input), ...run.args } } : input
  checkExpected(snapshot, written, argsOf(complete))
  return { kind: call.kind, input: checkStorable(complete, `${step.at}.tool`) }
}

function checkExpected({ playbook, step }: Snapshot, written: ToolCall, args: JsonObject): void {
  if (written.kind !== 'workbook') return
  const task = playbook.workbook.find((entry) => entry.name === written.parameters['name'])
  const missing = (task?.expects ?? []).filter((name) => !Object.hasOwn(args, name))
  if (missing.length === 0) return
  throw new TransientError('TOOL_FAILED', `step "${step.name}": the workbook task "${task?.name}" expects ${missing.join(', ')}`)
}

function timeoutOf(snapshot: Snapshot, limits: Limits): number {
  const { step } = snapshot
  const call = step.tool ? effectiveCall(snapshot, step.tool) : null
  const written = step.timeout ?? call?.parameters['timeout'] ?? null
  if (written === null) return limits.stepTimeoutMs
  const value: JsonValue = renderTree(written, createContext(layersOf(snapshot)), `${step.at}.timeout`)
  const seconds = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0) return Math.ceil(seconds * 1000)
  throw new TransientError('TEMPLATE_ERROR', `${step.at}.timeout: the timeout must be a number of seconds above 0`)
}
