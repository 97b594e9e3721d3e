import type { Draft } from '../commit/draft.js'
import { createCommitQueue } from '../commit/queue.js'
import { createWaits } from '../commit/waits.js'
import { TransientError } from '../core/errors.js'
import { isFinished } from '../core/status.js'
import { isMissingKey, NO_KEYS } from '../sealing/key-ring.js'
import { formatTaskId, SYSTEM_POOL, type TaskKey, type TaskRecord } from '../tasks/record.js'
import { voidLeases } from '../tasks/store.js'
import { createAfterCommit } from './after-commit.js'
import { createCancel } from './cancel.js'
import type { OrchestratorDependencies, OrchestratorObserver } from './dependencies.js'
import type { ChangedExecution, ClaimedTask, Orchestrator, StartRequest, TaskTicket } from './orchestrator.js'
import { createPause } from './pause.js'
import { createChildren } from './relay/children.js'
import { createRelay } from './relay/relay.js'
import { CHAIN, createAttempts } from './run/attempts.js'
import { createClaims } from './run/claims.js'
import { createDispatcher } from './run/dispatch.js'
import { createExecutionLookup } from './run/lookup.js'
import { createEmbeddedWorker, embeddedWorkerId } from './run/worker.js'
import { planRerun } from './start/rerun.js'
import { beginExecution, checkSeveral, ofInput, payloadOf, prepareExecution, STARTS } from './start/start.js'
import { createAnswer } from './waits/answer.js'
import { createSettle } from './waits/settle.js'

/** Work of the orchestrator's own holds no worker, and what comes at the same time shares a transaction. */
const SYSTEM_CONCURRENCY = 64
const DRAIN_GRACE_MS = 5000
/** Tasks in one transaction, at most. */
const STEPS = { maxSize: 32, maxTransactions: 2 }

/** Builds the orchestrator; nothing runs until `run()`. */
export function createOrchestrator(deps: OrchestratorDependencies): Orchestrator {
  const { db, catalog, logger, observer } = deps
  const stops: (() => Promise<void>)[] = []
  const { keyRing = NO_KEYS, outbox, waits = createWaits() } = deps
  const afterCommit = createAfterCommit(logger)
  const { publish } = afterCommit
  const dispatcher = createDispatcher(deps)
  const lookup = createExecutionLookup({ db, catalog, keyRing })
  const commit = createCommitQueue({ db, keyRing, outbox, waits, ...STEPS, afterCommit: publish })
  const chain = deps.chain ?? CHAIN
  waits.register({ settle: createSettle({ ...deps, lookup, chain }), committed: publish })
  const attempts = createAttempts({ ...deps, lookup, commit })
  const worker = createEmbeddedWorker({ ...deps, attempts })
  const claims = createClaims({ db, begin: beginRemotely, release, pollMs: deps.claimPollMs })
  const starting = { ...deps, commit: createCommitQueue({ db, keyRing, outbox, ...STARTS, afterCommit: publish }) }
  const { cancel, cancelOrphan, expire: expireExecution } = createCancel({ ...deps, commit, lookup })
  const children = createChildren({ ...starting, attempts, cancelOrphan })
  const relay = createRelay({
    ...deps,
    bus: dispatcher.bus,
    resume: children.resume,
    expire,
    expireExecution,
    giveUp,
    cancelOrphan,
  })

  dispatcher.onOffered(claims.wake)
  afterCommit.subscribe(dispatcher.afterCommit)
  afterCommit.subscribe(worker.afterCommit)
  if (observer) afterCommit.subscribe((draft) => observe(observer, draft))
  afterCommit.subscribe(children.afterCommit)

  async function beginRemotely(key: TaskKey, workerId: string): Promise<ClaimedTask | null> {
    const task = await attempts.begin(key, { id: workerId, isRemote: true })
    // Its pool may have no consumer on the bus, where it would wait for ever.
    if (task) dispatcher.withdraw(task.id)
    return task
  }

  async function release(ticket: TaskTicket): Promise<void> {
    dispatcher.dispatch({ ...(await attempts.giveBack(ticket)), delayMs: 0 })
  }

  /** The delivery after the last: beginning it fails the step, also where no worker is left to claim it. */
  async function giveUp(key: TaskKey): Promise<void> {
    await attempts.begin(key, { id: embeddedWorkerId(deps.processId ?? null), isRemote: false })
  }

  async function expire(task: TaskRecord): Promise<void> {
    if (!(await attempts.timeOut(task))) return
    // Whoever runs it hears that it is not theirs any more.
    const id = formatTaskId(task)
    worker.abort(id)
    dispatcher.withdraw(id)
  }

  async function prepareStart(request: StartRequest): Promise<() => Promise<ChangedExecution>> {
    const payload = payloadOf(request)
    const record = await catalog.get(request.path, request.version ?? null)
    const playbook = await catalog.model(record.path, record.version)
    const begin = await prepareExecution(starting, {
      id: deps.newId(),
      playbook,
      path: record.path,
      version: record.version,
      payload,
      idempotencyKey: request.idempotencyKey ?? null,
      requestedVersion: request.version ?? null,
    })
    return async () => {
      const { execution, isNew } = await begin()
      return { ...execution, isChanged: isNew }
    }
  }

  return {
    start: async (request) => (await prepareStart(request))(),
    check: async (request) => void (await prepareStart(request)),
    async startSeveral(requests) {
      checkSeveral(requests)
      const begins = await Promise.all(
        requests.map((request, index) => prepareStart(request).catch((error: unknown) => Promise.reject(ofInput(error, index)))),
      )
      return Promise.all(begins.map((begin) => begin()))
    },
    cancel,
    ...createPause({ db, commit }),
    async rerun(request) {
      const beginning = await planRerun({ db, model: catalog.model, newId: deps.newId, keyRing }, request)
      const begun = await beginExecution(starting, beginning)
      return begun.execution
    },
    answer: createAnswer({ ...deps, chain, commit, lookup }),
    claim: async (request) => (await claims.claim({ ...request, max: 1 }))[0] ?? null,
    claimSeveral: claims.claim,
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
      stops.push(dispatcher.bus.consume(SYSTEM_POOL, { concurrency: SYSTEM_CONCURRENCY }, worker.handle))
      const { concurrency } = deps
      if (concurrency > 0) stops.push(dispatcher.bus.consume('default', { concurrency }, worker.handle))
      const unlisten = deps.bus.onWithdrawn(worker.recheck)
      stops.push(async () => unlisten())
      relay.start()
    },
    async drain(graceMs = DRAIN_GRACE_MS) {
      dispatcher.stop()
      await claims.stop()
      await relay.stop()
      const stopping = stops.map((stop) => stop())
      await worker.drain(graceMs)
      await Promise.all(stopping)
    },
  }
}

/** For the metrics. */
function observe(observer: OrchestratorObserver, { execution, before, ended }: Draft): void {
  for (let count = 0; count < execution.revision - before.revision; count += 1) observer.changeSetWritten()
  for (const step of ended) observer.stepEnded(step)
  if (isFinished(execution.status)) observer.executionEnded(execution.status)
}
