import type { StepBus } from '../bus/bus.js'
import { createBatcher } from '../core/batcher.js'
import type { Page, PageRequest } from '../core/cursor.js'
import { TransientError } from '../core/errors.js'
import { type ExecutionId, parseExecutionId } from '../core/ids.js'
import { createSharedCalls } from '../core/shared-calls.js'
import { isUnderWay } from '../core/status.js'
import type { Database } from '../db/database.js'
import { type EventQuery, findLiveSteps, pagesOfEvents } from './event-store.js'
import { createExecutionFeed, type ExecutionFeed } from './feed.js'
import type { ExecutionFilter } from './filter.js'
import {
  countIterations,
  findStepRun,
  pageExecutions,
  pagesOfStepRuns,
  type StepQuery,
  type VariableFilterSql,
} from './page-store.js'
import type { EventRecord, ExecutionRecord, IterationCounts, StepRunView } from './record.js'
import { readExecution, readExecutions } from './record-store.js'
import { pageWaiting, type WaitingFilter, type WaitingStep } from './waiting-store.js'
import { watchExecution, watchExecutions, watchFromNow } from './watch.js'

export type { ExecutionFilter } from './filter.js'
export type { WaitingFilter, WaitingStep } from './waiting-store.js'

/** Reads of executions; the orchestrator starts, cancels and reruns them. */
export interface ExecutionsService {
  find(id: ExecutionId): Promise<ExecutionRecord | null>
  /** @throws TransientError NOT_FOUND */
  get(id: ExecutionId): Promise<ExecutionRecord>
  /** Newest first. */
  list(filter: ExecutionFilter | null, page: PageRequest): Promise<Page<ExecutionRecord>>
  /** Every visit of every step, in order. */
  steps(id: ExecutionId, page: PageRequest): Promise<Page<StepRunView>>
  /** The iterations of one visit, by index. */
  iterations(id: ExecutionId, run: number, page: PageRequest): Promise<Page<StepRunView>>
  /** One visit or iteration. */
  stepRun(id: ExecutionId, run: number): Promise<StepRunView | null>
  /** Steps that wait now, the oldest executions first. */
  waiting(filter: WaitingFilter | null, page: PageRequest): Promise<Page<WaitingStep>>
  /** What happened, oldest first; with `run`, to one visit or iteration. */
  events(id: ExecutionId, run: number | null, page: PageRequest): Promise<Page<EventRecord>>
  /** The names of the steps that run now; empty once the execution has ended. */
  currentSteps(execution: ExecutionRecord): Promise<string[]>
  /** The iterations of all its loops so far; null where none began. */
  iterationCounts(id: ExecutionId): Promise<IterationCounts | null>
  /**
   * The current state first, then the newest after every event, coalesced for a slow reader. Ends when the execution has; an
   * unknown one is waited for, as it may be created by a write.
   */
  watch(id: ExecutionId, signal: AbortSignal): AsyncGenerator<ExecutionRecord, void, undefined>
  /** The same over all executions that match: their current state first, newest last, then each that changes. */
  watchAll(filter: ExecutionFilter | null, signal: AbortSignal): AsyncGenerator<ExecutionRecord, void, undefined>
  /** Only those that change from now on. null comes first: from there on nothing is missed. */
  watchFromNow(filter: ExecutionFilter | null, signal: AbortSignal): AsyncGenerator<ExecutionRecord | null, void, undefined>
}

interface ExecutionsOptions {
  readonly db: Database
  readonly bus: StepBus
  readonly variableFilter: VariableFilterSql
  /** Wakes the watchers: one for all services of a process. */
  readonly feed?: ExecutionFeed
}

/** Reads of executions from the database; the bus only wakes the watchers. */
export function createExecutionsService({
  db,
  bus,
  variableFilter,
  feed = createExecutionFeed({ db, bus }),
}: ExecutionsOptions): ExecutionsService {
  const watching = { db, feed, share: createSharedCalls() }
  const found = createBatcher<ExecutionId, ExecutionRecord | null>({
    groupOf: () => '',
    load: async (ids) => (await readExecutions(db, ids)).map((execution) => () => execution),
  })
  const stepRuns = createBatcher<StepQuery, Page<StepRunView>>({
    groupOf: ({ parentRun, page }) => JSON.stringify([parentRun === null, page.first, page.after, page.isCounted]),
    load: (queries, signal) => pagesOfStepRuns(db.reading(signal), queries),
  })
  const events = createBatcher<EventQuery, Page<EventRecord>>({
    groupOf: ({ run, page }) => JSON.stringify([run === null, page.first, page.after, page.isCounted]),
    load: (queries, signal) => pagesOfEvents(db.reading(signal), queries),
  })
  const liveSteps = createBatcher<ExecutionId, string[]>({
    groupOf: () => '',
    load: async (ids) => (await findLiveSteps(db, ids)).map((steps) => () => steps),
  })
  const iterationCounts = createBatcher<ExecutionId, IterationCounts | null>({
    groupOf: () => '',
    load: async (ids) => (await countIterations(db, ids)).map((counts) => () => counts),
  })
  return {
    find: async (id) => found(parseExecutionId(id)),
    async get(id) {
      const execution = await readExecution(db, id)
      if (execution === null) throw new TransientError('NOT_FOUND', `there is no execution ${id}`)
      return execution
    },
    list: async (filter, page) => pageExecutions(db.reading(page.signal), { filter, variableFilter, page }),
    steps: (executionId, page) => stepRuns({ executionId, parentRun: null, page }, page.signal),
    iterations: (executionId, parentRun, page) => stepRuns({ executionId, parentRun, page }, page.signal),
    stepRun: (executionId, run) => findStepRun(db, executionId, run),
    waiting: async (filter, page) => pageWaiting(db.reading(page.signal), filter, page),
    events: (executionId, run, page) => events({ executionId, run, page }, page.signal),
    currentSteps: async ({ id, status }) => (isUnderWay(status) ? liveSteps(id) : []),
    iterationCounts: (id) => iterationCounts(id),
    watch: (id, signal) => watchExecution(id, { ...watching, signal }),
    watchAll: (filter, signal) => watchExecutions({ ...watching, signal, filter, variableFilter }),
    watchFromNow: (filter, signal) => watchFromNow({ ...watching, signal, filter, variableFilter }),
  }
}
