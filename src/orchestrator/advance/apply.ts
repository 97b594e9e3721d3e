import { foldInto } from '../../commit/change-set.js'
import { changeRun, changeTask, type Draft, type EventDraft, patch, record, taskKeyText } from '../../commit/draft.js'
import { checkOthers, type OtherWrite, writeOthers } from '../../commit/others.js'
import type { VariableWrite } from '../../commit/record.js'
import { type RunState, stepValue } from '../../commit/run.js'
import { asStored, type JsonObject } from '../../core/json.js'
import { isFinished } from '../../core/status.js'
import type { Operations, Step } from '../../playbook/model.js'
import { NO_OPERATIONS } from '../../playbook/operations.js'
import { withoutSensitive, withSensitive } from '../../sealing/sensitive.js'
import type { TaskRecord } from '../../tasks/record.js'
import { computingOf } from '../decide/context.js'
import { effectiveCall } from '../decide/prepare.js'
import { isStepFault } from '../decide/sensitive.js'
import { firstCallOf } from '../decide/tool-turn.js'
import type { Command, Decision, Rejection, Snapshot } from '../decide/types.js'
import type { KnownExecution } from '../run/lookup.js'
import { ancestorWrites } from './ancestors.js'
import { closeJoins } from './branches.js'
import { beginFinally, endEventName, endOf } from './ending.js'
import { keepValues } from './keep-values.js'
import { beginVisit, isLive, iterationTask, joinTask, nextToolTask, visitTask } from './visits.js'

export interface ApplyRequest {
  readonly snapshot: Snapshot
  readonly known: KnownExecution
  /** Decides; again, with less, when the change set of the first decision is refused. */
  readonly decide: (rejection: Rejection | null) => Decision
  readonly now: Date
  readonly newId: () => string
  readonly log: string | null
  /** The task was never offered, as its step runs in the transaction that opened it: it has no row. */
  readonly isVirtual: boolean
  readonly chain: Chain
}

/** Steps without a tool that one work opens, and carries out itself. */
export interface Chain {
  readonly steps: { readonly run: number; readonly step: Step }[]
  /** How many it has opened so far. */
  count: number
  readonly limit: number
}

interface Applying {
  readonly draft: Draft
  readonly snapshot: Snapshot
  readonly request: ApplyRequest
  /** The execution's `event_seq` after this decision. */
  readonly seq: number
}

/** Carries out a decision on the draft of its execution: one change set, events, runs, tasks. Answers the decision that stood. */
export function applyDecision(draft: Draft, request: ApplyRequest): Decision {
  const { snapshot, now } = request
  const decision = foldVariables(draft, request)
  const seq = record(draft, [...decision.events, ...endEvents(draft, snapshot, decision)])
  const isOver = !decision.call && !decision.commands.some(({ type }) => type === 'start_child' || type === 'open_wait')
  if (isOver && !request.isVirtual) changeTask(draft, { ...snapshot.task, status: 'done', leaseUntil: null })
  for (const command of decision.commands) carryOut({ draft, snapshot, request, seq }, command)
  if (isFinished(draft.execution.status)) patch(draft, { finishedAt: now })
  else if (draft.loaded.branches && !draft.endings.some(({ parentRun }) => parentRun === null))
    closeJoins(draft, snapshot.playbook, (step, run) => offer({ draft, snapshot, request, seq }, step, run))
  return decision
}

/** The change set, and those of others, with up to two further decisions when it is refused (over a limit, not storable, not as its schema says). */
function foldVariables(draft: Draft, request: ApplyRequest): Decision {
  const { snapshot, now } = request
  const actor = `step:${snapshot.step.name}`
  const { playbook, workload, sensitive = null, execution } = snapshot
  const { schema } = playbook
  const computing = computingOf(playbook, { workload, sensitive }, execution)
  let rejection: Rejection | null = null
  for (;;) {
    const decision = request.decide(rejection)
    const { writes, operations = NO_OPERATIONS } = decision
    try {
      const others = othersOf(draft, request, { operations, actor, now })
      checkOthers(others)
      if (writes.length > 0) keepValues(draft, foldInto(draft, { writes, actor, now, schema, computing }).changes)
      writeOthers(others)
      return decision
    } catch (error) {
      if (!isStepFault(error) || rejection?.dropped === 'all') throw error
      rejection = { error, dropped: rejection ? 'all' : 'block' }
    }
  }
}

interface Outside {
  readonly operations: Operations<VariableWrite>
  readonly actor: string
  readonly now: Date
}

/** What a decision writes to the space and to ancestors. */
function othersOf(draft: Draft, { known }: ApplyRequest, { operations, actor, now }: Outside): OtherWrite[] {
  const { globals, parent, root } = operations
  if (globals.length + parent.length + root.length === 0) return []
  const ancestors = ancestorWrites(draft, known, { operations, actor, now })
  if (globals.length === 0) return ancestors
  if (draft.space === null) throw new Error('a space is written that was not locked')
  return [...ancestors, { target: draft.space, writes: globals, actor, now }]
}

function endEvents(draft: Draft, { playbook }: Snapshot, decision: Decision): EventDraft[] {
  return decision.commands.flatMap((command) => {
    if (command.type !== 'end_execution') return []
    const end = endOf(draft, playbook, command)
    const error = end.begins ? command.error : end.ending.error
    const data = error ? { error: { ...error } } : null
    return [{ name: endEventName(end), step: null, run: null, attempt: null, data }]
  })
}

function carryOut(applying: Applying, command: Command): void {
  const { draft, snapshot, seq } = applying
  switch (command.type) {
    case 'start_run':
      return startRun(draft, command)
    case 'finish_run':
      return finishRun(applying, command)
    case 'retry':
      return retry(applying, command.delayMs)
    case 'save_tools':
      changeRun(draft, command.run, { tools: command.tools, isSensitive: command.isSensitive })
      return
    case 'open_tool':
      draft.newTasks.push(nextToolTask(snapshot, command.tool))
      return
    case 'open_visit':
      return openVisit(applying, command)
    case 'join_visit':
      return joinVisit(applying, command)
    case 'open_loop':
      return openLoop(applying, command)
    case 'save_loop':
      changeRun(draft, command.run, { loop: command.loop }).isLoopChanged = true
      return
    case 'open_iteration':
      draft.newTasks.push(iterationTask(snapshot, command.run))
      return
    case 'join_loop':
      draft.newTasks.push(joinTask(snapshot, command.run))
      return
    case 'withdraw_iterations':
      draft.endings.push({ parentRun: command.run, finishedSeq: seq })
      return
    case 'start_child': {
      const childId = applying.request.newId()
      const waiting = { status: 'waiting', childId, input: command.input, sealed: null, leaseUntil: null } as const
      const task: TaskRecord = { ...snapshot.task, ...waiting }
      changeTask(draft, task, { timeoutMs: command.timeoutMs })
      draft.waiting.push(task)
      return
    }
    case 'open_wait':
      return openWait(applying, command)
    case 'end_execution': {
      applying.request.chain.steps.length = 0
      const { status, error } = command
      const end = endOf(draft, snapshot.playbook, command)
      if (end.begins) return beginFinally(draft, { ending: { status, error }, end, playbook: snapshot.playbook, seq })
      patch(draft, end.ending)
      // A completed execution has no live visit left, so nothing to end either.
      if (status !== 'completed') draft.endings.push({ parentRun: null, finishedSeq: seq })
      return
    }
  }
}

function startRun(draft: Draft, { run, attempt, locals, isSensitive }: Extract<Command, { type: 'start_run' }>): void {
  const before = draft.runs.get(run)
  const started = { status: 'running', attempts: attempt, isPrepared: true, locals } as const
  changeRun(draft, run, { ...started, isSensitive: isSensitive || before?.isSensitive === true }).isStarted = true
}

function finishRun({ draft, snapshot, request, seq }: Applying, command: Extract<Command, { type: 'finish_run' }>): void {
  const { run, status, result, envelope, error, isSensitive, tools } = command
  const before = draft.runs.get(run)
  if (before?.status === 'waiting') patch(draft, { openWaits: draft.execution.openWaits - 1 })
  const log = command.log ?? request.log ?? before?.log ?? null
  const kept = changeRun(draft, run, { status, result, envelope, error, isSensitive, log, tools })
  kept.finishedSeq = seq
  draft.ended.push({ kind: kindOf(snapshot, kept.state), outcome: status === 'succeeded' ? 'success' : 'error' })
  if (kept.state.iteration !== null) return
  if (before && isLive(before.status)) draft.liveVisits -= 1
  if (envelope === null) return
  const { step } = kept.state
  const visit = kept.state.visit === 0 ? Number.POSITIVE_INFINITY : kept.state.visit
  if (visit < (draft.stepVisits.get(step) ?? 0)) return
  draft.stepVisits.set(step, visit)
  const named = [{ kind: 'steps', name: step } as const]
  draft.sensitive = isSensitive ? withSensitive(draft.sensitive, named) : withoutSensitive(draft.sensitive, named)
  draft.steps = { ...draft.steps, [step]: stepValue(asStored(result), asStored(envelope) as JsonObject) }
}

function kindOf({ playbook }: Snapshot, { step: name, iteration }: RunState): string {
  const step = playbook.steps.find((candidate) => candidate.name === name)
  if (step?.loop && iteration === null) return 'iterator'
  if (step?.wait) return 'wait'
  const call = step && firstCallOf(step)
  return call ? effectiveCall({ playbook, step }, call).kind : 'step'
}

function retry({ draft, snapshot, request }: Applying, delayMs: number): void {
  const { task, run, execution } = snapshot
  const { pool, kind } = task
  draft.newTasks.push({ executionId: execution.id, run: run.run, attempt: task.attempt + 1, pool, kind, delayMs })
  if (request.log) changeRun(draft, run.run, { log: request.log })
}

function openVisit(applying: Applying, command: Extract<Command, { type: 'open_visit' }>): void {
  const { step, branch } = command
  const run = beginVisit(applying.draft, { ...command, seq: applying.seq })
  if (branch?.join?.status !== 'open') offer(applying, step, run)
}

function joinVisit(applying: Applying, { run, step, args, isSensitive, branch }: Extract<Command, { type: 'join_visit' }>): void {
  changeRun(applying.draft, run, { args: asStored(args) as JsonObject, isSensitive, branch })
  if (branch.join?.status !== 'open') offer(applying, step, run)
}

/** Lets a visit begin: at once where nobody needs to run anything for it, else as a task. */
function offer({ draft, snapshot, request: { chain } }: Applying, step: Step, run: number): void {
  const isImmediate = step.tool === null && step.tools === null && step.loop === null && draft.execution.status === 'running'
  if (isImmediate && chain.count < chain.limit) {
    chain.count += 1
    chain.steps.push({ run, step })
  } else {
    draft.newTasks.push(visitTask({ ...snapshot, step }, run))
  }
}

function openLoop({ draft, snapshot, seq }: Applying, { items, loop }: Extract<Command, { type: 'open_loop' }>): void {
  changeRun(draft, snapshot.run.run, { loop }).isLoopChanged = true
  const visit = draft.runs.get(snapshot.run.run) ?? snapshot.run
  draft.iterationInserts.push({ visit, state: loop, items, openedSeq: seq })
  patch(draft, { runSeq: draft.execution.runSeq + items.length })
  for (let index = 0; index < loop.opened; index += 1) draft.newTasks.push(iterationTask(snapshot, loop.firstRun + index))
}

function openWait({ draft, snapshot, request }: Applying, command: Extract<Command, { type: 'open_wait' }>): void {
  const { run, wait, timeoutMs } = command
  const { revision, openWaits } = draft.execution
  changeRun(draft, run, { status: 'waiting', wait: { ...wait, revision } })
  patch(draft, { openWaits: openWaits + 1 })
  const task: TaskRecord = { ...snapshot.task, kind: 'wait', status: 'waiting', leaseUntil: null, claimedAt: request.now }
  draft.tasks.set(taskKeyText(task), task)
  draft.openedWaits.set(taskKeyText(task), { task, timeoutMs, isVirtual: request.isVirtual })
}
