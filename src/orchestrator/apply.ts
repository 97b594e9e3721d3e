import { isTransientError } from '../core/errors.js'
import type { ExecutionStatus } from '../core/status.js'
import type { Sql } from '../db/database.js'
import type { ExecutionError, ExecutionRecord } from '../executions/record.js'
import { appendAndUpdate } from '../executions/store.js'
import type { Step } from '../playbook/model.js'
import { SYSTEM_POOL, type TaskRecord } from '../tasks/record.js'
import { awaitChild, finishTask, insertTasks, type NewTask, withdrawTasks } from '../tasks/store.js'
import { applyChangeSet } from '../variables/write.js'
import { effectiveCall } from './prepare.js'
import { endRuns, finishRun, insertIterations, insertVisit, saveLog, saveLoop, startRun } from './run-store.js'
import type { Command, Decision, EventDraft, Rejection, Snapshot } from './types.js'

export interface ApplyRequest {
  readonly snapshot: Snapshot
  /** Decides; again, with less, when the change set of the first decision is refused. */
  readonly decide: (rejection: Rejection | null) => Decision
  readonly now: Date
  readonly newId: () => string
  readonly log: string | null
}

/** What is done after the commit: idempotent or lossy, all of it. */
export interface Effects {
  readonly execution: ExecutionRecord
  readonly tasks: readonly NewTask[]
  readonly withdrawn: readonly TaskRecord[]
  /** The task that now waits for a child execution. */
  readonly waiting: TaskRecord | null
  readonly call: Decision['call']
  /** Whether variables changed: the execution has a new revision. */
  readonly isChanged: boolean
}

interface Draft {
  readonly tx: Sql
  readonly snapshot: Snapshot
  readonly request: ApplyRequest
  /** The execution's event_seq after this transaction. */
  readonly seq: number
  readonly tasks: NewTask[]
  readonly withdrawn: TaskRecord[]
  runSeq: number
  stepCount: number
  status: ExecutionStatus
  error: ExecutionError | null
  isWaiting: boolean
}

/** Carries out a decision inside the transaction that holds the execution's lock: one change set, events, runs, tasks. */
export async function applyDecision(tx: Sql, request: ApplyRequest): Promise<Effects> {
  const { snapshot, now } = request
  const { decision, written } = await writeVariables(tx, request)
  const execution = { ...snapshot.execution, ...written }
  const events = [...decision.events, ...endEvents(decision)]
  const draft: Draft = {
    tx,
    snapshot,
    request,
    seq: execution.eventSeq + events.length,
    tasks: [],
    withdrawn: [],
    runSeq: execution.runSeq,
    stepCount: execution.stepCount,
    status: execution.status,
    error: execution.error,
    isWaiting: false,
  }
  const isOver = !decision.call && !decision.commands.some((command) => command.type === 'start_child')
  if (isOver) await finishTask(tx, snapshot.task)
  for (const command of decision.commands) await carryOut(draft, command)
  await insertTasks(tx, draft.tasks)
  const { id, revision } = execution
  const { runSeq, stepCount, status, error } = draft
  const finishedAt = status === 'running' ? null : now
  const append = { executionId: id, eventSeq: execution.eventSeq, revision, events }
  const eventSeq = await appendAndUpdate(tx, append, { ...written, runSeq, stepCount, status, error, finishedAt })
  return {
    execution: { ...execution, runSeq, stepCount, status, error, eventSeq, finishedAt },
    tasks: draft.tasks,
    withdrawn: draft.withdrawn,
    waiting: draft.isWaiting ? snapshot.task : null,
    call: decision.call,
    isChanged: revision !== snapshot.execution.revision,
  }
}

/** The change set, with up to two further decisions when it is refused (over a limit, not storable). */
async function writeVariables(tx: Sql, request: ApplyRequest) {
  const { snapshot, now } = request
  let rejection: Rejection | null = null
  for (;;) {
    const decision = request.decide(rejection)
    try {
      const actor = `step:${snapshot.step.name}`
      const applied = await applyChangeSet(tx, { execution: snapshot.execution, writes: decision.writes, actor, now })
      return { decision, written: applied.execution }
    } catch (error) {
      if (!isTransientError(error) || rejection?.dropped === 'all') throw error
      rejection = { error, dropped: rejection ? 'all' : 'block' }
    }
  }
}

function endEvents(decision: Decision): EventDraft[] {
  return decision.commands.flatMap((command) => {
    if (command.type !== 'end_execution') return []
    const data = command.error ? { error: { ...command.error } } : null
    return [{ name: `execution.${command.status}`, step: null, run: null, attempt: null, data }]
  })
}

async function carryOut(draft: Draft, command: Command): Promise<void> {
  const { tx, snapshot, seq } = draft
  const executionId = snapshot.execution.id
  switch (command.type) {
    case 'start_run':
      return startRun(tx, executionId, command)
    case 'finish_run':
      return finishRun(tx, executionId, { ...command, log: draft.request.log, finishedSeq: seq })
    case 'retry':
      return retry(draft, command.delayMs)
    case 'open_visit':
      return openVisit(draft, command)
    case 'open_loop':
      return openLoop(draft, command)
    case 'save_loop':
      return saveLoop(tx, executionId, command)
    case 'open_iteration':
      draft.tasks.push(iterationTask(snapshot, command.run))
      return
    case 'join_loop':
      draft.tasks.push(joinTask(snapshot, command.run))
      return
    case 'withdraw_iterations':
      draft.withdrawn.push(...(await withdrawTasks(tx, executionId, command.run)))
      return endRuns(tx, executionId, { parentRun: command.run, finishedSeq: seq })
    case 'start_child':
      draft.isWaiting = true
      return awaitChild(tx, snapshot.task, { ...command, childId: draft.request.newId() })
    case 'end_execution':
      draft.status = command.status
      draft.error = command.error
      draft.withdrawn.push(...(await withdrawTasks(tx, executionId)))
      return endRuns(tx, executionId, { parentRun: null, finishedSeq: seq })
  }
}

async function retry(draft: Draft, delayMs: number): Promise<void> {
  const { task, run, execution } = draft.snapshot
  const { pool, kind } = task
  draft.tasks.push({ executionId: execution.id, run: run.run, attempt: task.attempt + 1, pool, kind, delayMs })
  if (draft.request.log) await saveLog(draft.tx, execution.id, { run: run.run, log: draft.request.log })
}

async function openVisit(draft: Draft, { step, args }: Extract<Command, { type: 'open_visit' }>): Promise<void> {
  draft.runSeq += 1
  draft.stepCount += 1
  const executionId = draft.snapshot.execution.id
  await insertVisit(draft.tx, { executionId, run: draft.runSeq, step: step.name, args, openedSeq: draft.seq })
  draft.tasks.push(visitTask({ ...draft.snapshot, step }, draft.runSeq))
}

async function openLoop(draft: Draft, { items, loop }: Extract<Command, { type: 'open_loop' }>): Promise<void> {
  const { tx, snapshot } = draft
  await saveLoop(tx, snapshot.execution.id, { run: snapshot.run.run, loop })
  await insertIterations(tx, { visit: snapshot.run, state: loop, items, openedSeq: draft.seq })
  draft.runSeq += items.length
  for (let index = 0; index < loop.opened; index += 1) draft.tasks.push(iterationTask(snapshot, loop.firstRun + index))
}

type Placed = Pick<Snapshot, 'playbook' | 'step' | 'execution'>

/** The task that starts a visit: the orchestrator's own for iterators and steps without a tool. */
export function visitTask({ playbook, step, execution }: Placed, run: number): NewTask {
  const base = { executionId: execution.id, run, attempt: 1, delayMs: 0 }
  if (step.loop) return { ...base, pool: SYSTEM_POOL, kind: 'iterate' }
  if (!step.tool) return { ...base, pool: SYSTEM_POOL, kind: 'step' }
  return { ...base, ...placeOf({ playbook, step }) }
}

function iterationTask({ playbook, step, execution }: Placed, run: number): NewTask {
  return { executionId: execution.id, run, attempt: 1, delayMs: 0, ...placeOf({ playbook, step }) }
}

function placeOf({ playbook, step }: { playbook: Snapshot['playbook']; step: Step }): { pool: string; kind: string } {
  const kind = step.tool ? effectiveCall({ playbook, step }, step.tool).kind : 'step'
  return { kind, pool: kind === 'playbook' || kind === 'step' ? SYSTEM_POOL : step.pool }
}

/** The visit's attempts are those of its start; its join follows them. */
function joinTask({ execution, run, parent, task }: Snapshot, visitRun: number): NewTask {
  const attempt = (parent ? parent.attempts : Math.max(run.attempts, task.attempt)) + 1
  return { executionId: execution.id, run: visitRun, attempt, pool: SYSTEM_POOL, kind: 'join', delayMs: 0 }
}
