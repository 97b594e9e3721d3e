import { type Draft, patch } from '../../commit/draft.js'
import type { ExecutionEnding } from '../../executions/record.js'
import type { Playbook, Step } from '../../playbook/model.js'
import { beginVisit, visitTask } from './visits.js'

/** What an end comes to: `finally` begins, or it is over. */
export type End = { readonly begins: Step } | { readonly begins: null; readonly ending: ExecutionEnding }

/**
 * Where the playbook has `finally`, its step begins before the execution ends, once. What ended it first is what it ends with; a failure of
 * `finally` counts where there was none. Pure.
 */
export function endOf(
  { execution: { ending: first } }: Pick<Draft, 'execution'>,
  playbook: Pick<Playbook, 'finally' | 'steps'> | null,
  ending: ExecutionEnding,
): End {
  const step = playbook?.steps.find(({ name }) => name === playbook.finally)
  if (first === null && step) return { begins: step }
  if (first === null) return { begins: null, ending }
  const status = first.status === 'completed' ? ending.status : first.status
  return { begins: null, ending: { status, error: first.error ?? ending.error } }
}

export function endEventName(end: End): string {
  return end.begins ? 'execution.finally' : `execution.${end.ending.status}`
}

interface Ended {
  /** What ended it now. */
  readonly ending: ExecutionEnding
  readonly end: End
  readonly playbook: Playbook
  /** The execution's `event_seq` after that was recorded. */
  readonly seq: number
}

/** Begins `finally`, as a task of its own; all else of the execution is withdrawn, unless it has completed. */
export function beginFinally(draft: Draft, { ending, end, playbook, seq }: Ended): void {
  if (!end.begins) return
  const run = beginVisit(draft, { step: end.begins, args: {}, branch: null, isSensitive: false, seq })
  patch(draft, { ending })
  draft.newTasks.push(visitTask({ playbook, step: end.begins, execution: draft.execution }, run))
  if (ending.status === 'completed') return
  draft.endings.push({ parentRun: null, except: run, finishedSeq: seq })
  draft.liveVisits = 1
}
