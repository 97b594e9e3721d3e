import { TransientError } from '../../core/errors.js'
import { decide } from './decide.js'
import { failure } from './outcome.js'
import type { DecideRequest, Decision, Snapshot } from './types.js'

/** So many decisions about a task may fail for no reason of the step's own; then the step fails, and after as many more without its routing. */
const MAX_FAULTS = 3

/** Whether what follows from a task could not be decided or stored again and again. */
export function isGivenUp({ task }: Pick<Snapshot, 'task'>): boolean {
  return task.faults >= MAX_FAULTS
}

/** Fails the step of such a task, with as little as possible of what may be the reason. Pure. */
export function giveUp(request: Omit<DecideRequest, 'outcome'>): Decision {
  const { step, task } = request.snapshot
  const message = `step "${step.name}": what follows from it could not be decided or stored in ${task.faults} tries; the server's log says why`
  const error = new TransientError('TOOL_FAILED', message)
  const isWithoutRouting = task.faults >= 2 * MAX_FAULTS
  return decide({ ...request, outcome: failure(error), rejection: { error, dropped: 'all' }, isFinal: true, isWithoutRouting })
}
