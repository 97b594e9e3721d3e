import type { StepBus, TaskRef } from '../bus/bus.js'
import { errorMessage, TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import { isFinished } from '../core/status.js'
import type { ExecutionRecord } from '../executions/record.js'
import { isMissingKey, NO_KEYS } from '../sealing/key-ring.js'
import { formatTaskId, parseTaskId, SYSTEM_POOL, type TaskKey, type TaskRecord } from '../tasks/record.js'
import { forgetEnsured, type NewTask, voidLeases } from '../tasks/store.js'
import type { Effects } from './advance/draft.js'
import { cancelExecution } from './cancel.js'
import type { OrchestratorDependencies } from './dependencies.js'
import type { ChangedExecution, ClaimedTask, Orchestrator, TaskTicket } from './orchestrator.js'
import { createChildren } from './relay/children.js'
import { createRelay } from './relay/relay.js'
import { createAttempts } from './run/attempts.js'
import { createClaims } from './run/claims.js'
import { createExecutionLookup } from './run/lookup.js'
import { createEmbeddedWorker, embeddedWorkerId } from './run/worker.js'
import { planRerun } from './start/rerun.js'
import { type Begun, beginExecution, payloadOf } from './start/start.js'
import { createStartQueue } from './start/start-queue.js'

/** Work of the orchestrator's own holds no worker, and what comes at the same time shares a transaction. */
const SYSTEM_CONCURRENCY = 64
const DRAIN_GRACE_MS = 5000

/** Builds the orchestrator; nothing runs until `run()`. */
export function createOrchestrator(deps: OrchestratorDependencies): Orchestrator {
  const { db, catalog, clock, logger } = deps
  const timers = new Set<NodeJS.Timeout>()
  const stops: (() => Promise<void>)[] = []
  const { keyRing = NO_KEYS } = deps
  const lookup = createExecutionLookup({ db, catalog, keyRing })
  const attempts = createAttempts({ ...deps, lookup, settle })
  const claims = createClaims({ db, begin: beginRemotely, release, pollMs: deps.claimPollMs })
  const bus: StepBus = { ...deps.bus, ensure: offer }
  const worker = createEmbeddedWorker({ ...deps, attempts })
  const starting = { ...deps, insert: createStartQueue(db) }
  const children = createChildren({ ...starting, attempts: () => attempts, announce })
  const relay = createRelay({ ...deps, bus, resume: children.resume, expire, giveUp, cancelOrphan })

  /** Workers of this process hear it from the bus, those outside from their waiting claims. */
  async function offer(task: TaskRef): Promise<void> {
    claims.wake(task.pool)
    await deps.bus.ensure(task)
  }

  async function beginRemotely(key: TaskKey, workerId: string): Promise<ClaimedTask | null> {
    const task = await attempts.begin(key, { id: workerId, isRemote: true })
    // Its pool may have no consumer on the bus, where it would wait for ever.
    if (task) withdrawFromBus(task.id)
    return task
  }

  async function release(ticket: TaskTicket): Promise<void> {
    dispatch({ ...(await attempts.giveBack(ticket)), delayMs: 0 })
  }

  /** The delivery after the last: beginning it fails the step, also where no worker is left to claim it. */
  async function giveUp(key: TaskKey): Promise<void> {
    await attempts.begin(key, { id: embeddedWorkerId(deps.processId ?? null), isRemote: false })
  }

  async function expire(task: TaskRecord): Promise<void> {
    // Whoever runs it hears that it is not theirs any more.
    if (await attempts.timeOut(task)) withdraw([task])
  }

  function dispatch(task: NewTask): void {
    const ensure = () => {
      const ref = { id: formatTaskId(task), executionId: task.executionId, pool: task.pool }
      bus.ensure(ref).catch((error: unknown) => {
        logger.warn({ task: ref.id, reason: errorMessage(error) }, 'not dispatched yet')
        return guarded(() => forgetEnsured(db, [task]))
      })
    }
    if (task.delayMs === 0) {
      ensure()
      return
    }
    const timer = setTimeout(() => {
      timers.delete(timer)
      ensure()
    }, task.delayMs)
    timers.add(timer)
  }

  function hint({ id, revision, eventSeq }: ExecutionRecord): void {
    bus.hint({ executionId: id, revision, eventSeq })
  }

  function withdraw(tasks: readonly TaskRecord[]): void {
    for (const task of tasks) {
      const id = formatTaskId(task)
      worker.abort(id)
      withdrawFromBus(id)
    }
  }

  function withdrawFromBus(id: string): void {
    bus.withdraw(id).catch((error: unknown) => logger.warn({ task: id, reason: errorMessage(error) }, 'not withdrawn yet'))
  }

  /** After a commit. What is lost here by a crash, the relay makes again. */
  async function settle(effects: Effects): Promise<void> {
    for (const task of effects.tasks) dispatch(task)
    withdraw(effects.withdrawn)
    hint(effects.execution)
    for (let count = 0; count < effects.changeSets; count += 1) deps.observer?.changeSetWritten()
    for (const step of effects.ended) deps.observer?.stepEnded(step)
    for (const task of effects.waiting) await guarded(() => children.resume(task))
    await cancelChildren(effects.withdrawn)
    if (isFinished(effects.execution.status)) await ended(effects.execution)
  }

  async function cancelChildren(withdrawn: readonly TaskRecord[]): Promise<void> {
    for (const { childId } of withdrawn) {
      if (childId) await guarded(() => cancelOrphan(childId))
    }
  }

  async function ended(execution: ExecutionRecord): Promise<void> {
    deps.observer?.executionEnded(execution.status)
    if (execution.parentTaskId) await guarded(() => children.resume(parseTaskId(execution.parentTaskId as string)))
  }

  /** Follow-ups of a commit must not fail the caller: the relay tries them again. */
  async function guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      logger.warn({ reason: errorMessage(error) }, 'a follow-up failed; the relay tries it again')
    }
  }

  async function announce({ execution, tasks, isNew }: Begun): Promise<void> {
    if (!isNew) return
    for (const task of tasks) dispatch(task)
    hint(execution)
    if (isFinished(execution.status)) await ended(execution)
  }

  async function cancel(id: ExecutionId, reason: string | null, actor: string): Promise<ChangedExecution> {
    const cancelled = await cancelExecution(db, { id, reason, actor, now: clock.now() })
    if (cancelled.isChanged) {
      withdraw(cancelled.withdrawn)
      hint(cancelled.execution)
      await cancelChildren(cancelled.withdrawn)
      await ended(cancelled.execution)
    }
    return { ...cancelled.execution, isChanged: cancelled.isChanged }
  }

  async function cancelOrphan(id: ExecutionId): Promise<void> {
    try {
      await cancel(id, 'the parent execution ended', 'system')
    } catch (error) {
      if (!(error instanceof TransientError) || (error.code !== 'EXECUTION_FINISHED' && error.code !== 'NOT_FOUND')) throw error
    }
  }

  return {
    async start(request) {
      const payload = payloadOf(request)
      const record = await catalog.get(request.path, request.version ?? null)
      const playbook = await catalog.model(record.path, record.version)
      const begun = await beginExecution(starting, {
        id: deps.newId(),
        playbook,
        path: record.path,
        version: record.version,
        payload,
        idempotencyKey: request.idempotencyKey ?? null,
        requestedVersion: request.version ?? null,
      })
      await announce(begun)
      return { ...begun.execution, isChanged: begun.isNew }
    },
    cancel,
    async rerun(request) {
      const beginning = await planRerun({ db, model: catalog.model, newId: deps.newId, keyRing }, request)
      const begun = await beginExecution(starting, beginning)
      await announce(begun)
      return begun.execution
    },
    claim: claims.claim,
    heartbeat: (ticket) => attempts.heartbeat(ticket),
    release,
    complete: (request) =>
      attempts.complete(request).catch((error: unknown) => {
        if (!isMissingKey(error)) throw error
        throw new TransientError('OVERLOADED', `${error.message}; another server may take the report: try again`, {
          cause: error,
        })
      }),
    async run() {
      // Among several processes the leases of a dead one expire: those of the others must not be touched.
      if (!deps.processId) await voidLeases(db, embeddedWorkerId(null))
      stops.push(bus.consume(SYSTEM_POOL, { concurrency: SYSTEM_CONCURRENCY }, worker.handle))
      const { concurrency } = deps
      if (concurrency > 0) stops.push(bus.consume('default', { concurrency }, worker.handle))
      const unlisten = deps.bus.onWithdrawn(worker.recheck)
      stops.push(async () => unlisten())
      relay.start()
    },
    async drain(graceMs = DRAIN_GRACE_MS) {
      for (const timer of timers) clearTimeout(timer)
      await claims.stop()
      await relay.stop()
      const stopping = stops.map((stop) => stop())
      await worker.drain(graceMs)
      await Promise.all(stopping)
    },
  }
}
