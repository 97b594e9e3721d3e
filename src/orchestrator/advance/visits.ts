import { type Draft, patch } from '../../commit/draft.js'
import type { RunState } from '../../commit/run.js'
import { asStored, type JsonObject } from '../../core/json.js'
import type { StepStatus } from '../../core/status.js'
import type { Step, ToolCall } from '../../playbook/model.js'
import { SYSTEM_POOL } from '../../tasks/record.js'
import type { NewTask } from '../../tasks/store.js'
import { effectiveCall } from '../decide/prepare.js'
import { firstCallOf } from '../decide/tool-turn.js'
import type { Snapshot } from '../decide/types.js'

interface NewVisit extends Pick<RunState, 'args' | 'branch' | 'isSensitive'> {
  readonly step: Step
  /** The execution's `event_seq` after it was opened. */
  readonly seq: number
}

/** Opens a visit; answers its run. Its number is counted when it is written; templates cannot see it. */
export function beginVisit(draft: Draft, { step, args, branch, isSensitive, seq }: NewVisit): number {
  const { id: executionId, runSeq, stepCount } = draft.execution
  const run = runSeq + 1
  patch(draft, { runSeq: run, stepCount: stepCount + 1 })
  const state: RunState = {
    iteration: null,
    parentRun: null,
    locals: null,
    branch,
    item: null,
    loop: null,
    tools: null,
    wait: null,
    result: null,
    envelope: null,
    log: null,
    error: null,
    executionId,
    run,
    step: step.name,
    visit: 0,
    status: 'pending',
    attempts: 0,
    isPrepared: false,
    isSensitive,
    fault: null,
    args: asStored(args) as JsonObject,
    startedAt: null,
    finishedAt: null,
  }
  draft.runs.set(run, state)
  draft.runChanges.set(run, { state, openedSeq: seq, isStarted: false, finishedSeq: null, isLoopChanged: false })
  draft.liveVisits += 1
  return run
}

export function isLive(status: StepStatus): boolean {
  return status === 'pending' || status === 'running' || status === 'waiting'
}

interface Placed extends Pick<Snapshot, 'playbook' | 'step'> {
  readonly execution: Pick<Snapshot['execution'], 'id'>
}

/** The task that starts a visit: the orchestrator's own for iterators and steps without a tool. */
export function visitTask({ playbook, step, execution }: Placed, run: number): NewTask {
  const base = { executionId: execution.id, run, attempt: 1, delayMs: 0 }
  if (step.loop) return { ...base, pool: SYSTEM_POOL, kind: 'iterate' }
  return { ...base, ...placeOf({ playbook, step }, firstCallOf(step)) }
}

/** The next tool of a list: an attempt of its own of the same run. */
export function nextToolTask({ playbook, step, execution, run, task }: Snapshot, call: ToolCall | null): NewTask {
  const base = { executionId: execution.id, run: run.run, attempt: task.attempt + 1, delayMs: 0 }
  return { ...base, ...placeOf({ playbook, step }, call) }
}

export function iterationTask({ playbook, step, execution }: Placed, run: number): NewTask {
  return { executionId: execution.id, run, attempt: 1, delayMs: 0, ...placeOf({ playbook, step }, firstCallOf(step)) }
}

function placeOf({ playbook, step }: Pick<Snapshot, 'playbook' | 'step'>, call: ToolCall | null): Pick<NewTask, 'pool' | 'kind'> {
  const kind = call ? effectiveCall({ playbook, step }, call).kind : 'step'
  return { kind, pool: kind === 'playbook' || kind === 'step' ? SYSTEM_POOL : step.pool }
}

/** The visit's attempts are those of its start; its join follows them. */
export function joinTask({ execution, run, parent, task }: Snapshot, visitRun: number): NewTask {
  const attempt = (parent ? parent.attempts : Math.max(run.attempts, task.attempt)) + 1
  return { executionId: execution.id, run: visitRun, attempt, pool: SYSTEM_POOL, kind: 'join', delayMs: 0 }
}
