import { isTransientError } from '../core/errors.js'
import type { TransientClient } from '../sdk/client.js'
import {
  type ExecutionFieldsFragment,
  type IterationFieldsFragment,
  ListStepsDocument,
  type ListStepsQuery,
} from '../sdk/generated/graphql.js'
import { isRetryable, pause } from '../sdk/retry-delay.js'
import type { WatchedChange } from '../sdk/watch.js'
import type { ShownExecution } from './rows.js'

export type StepState = NonNullable<ListStepsQuery['execution']>['steps']['edges'][number]['node']

/** Where the progress of an execution is shown. */
export interface RunView {
  begin(execution: ExecutionFieldsFragment): void
  /** A step was reached, or its state is another. */
  step(step: StepState): void
  change(change: WatchedChange, revision: number): void
  note(text: string): void
  /** Nothing moves on the terminal until `resume`. */
  pause(): void
  resume(): void
  end(execution: ShownExecution): void
}

interface FollowOptions {
  readonly client: TransientClient
  readonly execution: ExecutionFieldsFragment
  readonly view: RunView
  /** By default everything from the first revision on. */
  readonly afterRevision?: number | undefined
}

const PAGE = 250

function isSettled(step: StepState): boolean {
  return step.status !== 'PENDING' && step.status !== 'RUNNING' && step.status !== 'WAITING'
}

interface StepReader {
  read(): Promise<void>
  /** The iterations of all loops among the steps read so far; null where there is none. */
  iterationCounts(): IterationFieldsFragment | null
}

/** Shows steps as they change; pages that are history are not read again. */
function createStepReader(client: TransientClient, id: string, view: RunView): StepReader {
  const shown = new Map<string, string>()
  const counts = new Map<string, IterationFieldsFragment>()
  let settledUpTo: string | null = null

  async function read(): Promise<void> {
    let after = settledUpTo
    let isHistory = true
    for (;;) {
      const response: ListStepsQuery = await client.request(ListStepsDocument, { id, first: PAGE, after })
      const page: NonNullable<ListStepsQuery['execution']>['steps'] | undefined = response.execution?.steps
      for (const { cursor, node } of page?.edges ?? []) {
        after = cursor
        const state = `${node.status} ${node.attempts}`
        if (node.iterationCounts !== null) counts.set(node.id, node.iterationCounts)
        if (shown.get(node.id) !== state) view.step(node)
        shown.set(node.id, state)
        isHistory &&= isSettled(node)
        if (!isHistory) continue
        settledUpTo = cursor
        shown.delete(node.id)
      }
      if (!page?.pageInfo.hasNextPage) return
    }
  }

  return {
    read,
    iterationCounts() {
      const all = [...counts.values()]
      const sum = (key: 'total' | 'succeeded' | 'failed') => all.reduce((total, each) => total + each[key], 0)
      return all.length === 0 ? null : { total: sum('total'), succeeded: sum('succeeded'), failed: sum('failed') }
    },
  }
}

/** Shows every step and every variable change of an execution until it has ended, and returns its last state. */
export async function followExecution(options: FollowOptions): Promise<ShownExecution> {
  const { client, execution, view, afterRevision = 0 } = options
  const abort = new AbortController()
  const onDisconnect = (_reason: unknown, delayMs: number): void => {
    view.note(`the connection was lost; trying again in ${(delayMs / 1000).toFixed(1)} s`)
  }
  const steps = createStepReader(client, execution.id, view)
  let seenRevision = afterRevision
  let lastRevision = Number.POSITIVE_INFINITY

  /** A server that restarts just now is asked again, as by the watches. */
  async function readSteps(): Promise<void> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await steps.read()
      } catch (error) {
        if (abort.signal.aborted || !isRetryable(error) || (isTransientError(error) && error.code === 'INTERNAL')) throw error
        if (failures === 1) view.note('the server did not report the state of the steps; asking again')
        await pause(failures, abort.signal)
      }
    }
  }

  async function showChanges(): Promise<void> {
    for await (const message of client.watch(execution.id, { afterRevision, signal: abort.signal, onDisconnect })) {
      for (const change of message.changes) view.change(change, message.revision)
      seenRevision = message.revision
      if (seenRevision >= lastRevision) return
    }
  }

  async function showStates(): Promise<ExecutionFieldsFragment> {
    let last = execution
    for await (const state of client.watchExecution(execution.id, { signal: abort.signal, onDisconnect })) {
      last = state
      await readSteps()
    }
    lastRevision = last.revision
    if (seenRevision >= lastRevision) abort.abort()
    return last
  }

  view.begin(execution)
  const changes = showChanges().catch((error: unknown) => {
    // Its variables may be purged while its steps are still there.
    if (!isTransientError(error) || error.code !== 'REVISION_GONE') throw error
    view.note(error.message)
  })
  try {
    const [state] = await Promise.all([showStates(), changes])
    const last = { ...state, iterationCounts: steps.iterationCounts() }
    view.end(last)
    return last
  } finally {
    abort.abort()
  }
}
