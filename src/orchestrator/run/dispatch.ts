import type { StepBus } from '../../bus/bus.js'
import type { Draft } from '../../commit/draft.js'
import { errorMessage } from '../../core/errors.js'
import { formatTaskId } from '../../tasks/record.js'
import { forgetEnsured, type NewTask } from '../../tasks/store.js'
import { followUp } from '../after-commit.js'
import type { OrchestratorDependencies } from '../dependencies.js'

export interface Dispatcher {
  /** The bus, with those told who wait for tasks here. */
  readonly bus: StepBus
  /** Called with the pool of each task that is offered: workers of this process hear of it from the bus, those outside from their waiting claims. */
  onOffered(listener: (pool: string) => void): void
  /** Offers a task once its delay is over. */
  dispatch(task: NewTask): void
  /** Takes a task back from the bus. */
  withdraw(taskId: string): void
  /** Offers what was opened, takes back what was withdrawn, and tells watchers. */
  afterCommit(draft: Draft): void
  stop(): void
}

/** Brings tasks to the bus, and back. */
export function createDispatcher({
  db,
  bus: given,
  logger,
}: Pick<OrchestratorDependencies, 'db' | 'bus' | 'logger'>): Dispatcher {
  const timers = new Set<NodeJS.Timeout>()
  const listeners: ((pool: string) => void)[] = []
  const bus: StepBus = {
    ...given,
    async ensure(task) {
      for (const listener of listeners) listener(task.pool)
      await given.ensure(task)
    },
  }

  function ensure(task: NewTask): void {
    const ref = { id: formatTaskId(task), executionId: task.executionId, pool: task.pool }
    bus.ensure(ref).catch((error: unknown) => {
      logger.warn({ task: ref.id, reason: errorMessage(error) }, 'not dispatched yet')
      return followUp(logger, () => forgetEnsured(db, [task]))
    })
  }

  function dispatch(task: NewTask): void {
    if (task.delayMs === 0) return ensure(task)
    const timer = setTimeout(() => {
      timers.delete(timer)
      ensure(task)
    }, task.delayMs)
    timers.add(timer)
  }

  function withdraw(taskId: string): void {
    bus
      .withdraw(taskId)
      .catch((error: unknown) => logger.warn({ task: taskId, reason: errorMessage(error) }, 'not withdrawn yet'))
  }

  return {
    bus,
    onOffered: (listener) => void listeners.push(listener),
    dispatch,
    withdraw,
    afterCommit({ execution: { id, revision, eventSeq }, newTasks, withdrawn }) {
      for (const task of newTasks) dispatch(task)
      for (const task of withdrawn) if (task.kind !== 'wait') withdraw(formatTaskId(task))
      bus.hint({ executionId: id, revision, eventSeq })
    },
    stop() {
      for (const timer of timers) clearTimeout(timer)
    },
  }
}
