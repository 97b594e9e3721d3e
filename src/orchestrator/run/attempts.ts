import { changeTask, taskKeyText } from '../../commit/draft.js'
import type { CommitQueue } from '../../commit/queue.js'
import type { RunState } from '../../commit/run.js'
import { loadRun } from '../../commit/run-store.js'
import { isTransientError, TransientError } from '../../core/errors.js'
import type { JsonValue } from '../../core/json.js'
import { isUnderWay } from '../../core/status.js'
import { storableText } from '../../core/text.js'
import type { Database } from '../../db/database.js'
import { isMissingKey, type KeyRing, NO_KEYS } from '../../sealing/key-ring.js'
import { formatTaskId, inputOf, mintTaskToken, parseTaskId, type TaskKey, type TaskRecord } from '../../tasks/record.js'
import { extendLease, findTask, forgetEnsured, noteFault, releaseLease } from '../../tasks/store.js'
import { type AdvanceRequest, advanceWork } from '../advance/advance.js'
import { decide } from '../decide/decide.js'
import { giveUp, isGivenUp } from '../decide/give-up.js'
import { failure } from '../decide/outcome.js'
import { prepare } from '../decide/prepare.js'
import { unstorableReason } from '../decide/storable.js'
import type { Decision, Outcome, Rejection, Snapshot } from '../decide/types.js'
import { dueWait } from '../decide/wait.js'
import type { ChainLimits, OrchestratorDependencies } from '../dependencies.js'
import type { ClaimedTask, CompleteRequest, TaskTicket } from '../orchestrator.js'
import type { ExecutionLookup } from './lookup.js'
import { createMissingKeys, requireKeys } from './missing-keys.js'

export interface AttemptsDependencies extends OrchestratorDependencies {
  readonly commit: CommitQueue
  readonly lookup: ExecutionLookup
}

export interface Worker {
  readonly id: string
  /** A worker outside this process: its input is kept for its heartbeats. */
  readonly isRemote: boolean
}

export interface CompletedTask {
  readonly isAccepted: boolean
  readonly revision: number
}

export interface Attempts {
  /** Takes a task: its `before` block, its rendered input, its lease. null when there is nothing for a worker to run. */
  begin(key: TaskKey, worker: Worker): Promise<ClaimedTask | null>
  /** Extends a lease. @throws TransientError CONFLICT when it is lost, NOT_FOUND */
  extend(ticket: TaskTicket): Promise<TaskRecord>
  heartbeat(ticket: TaskTicket): Promise<ClaimedTask>
  /** Gives a task back unfinished; null, and nothing done, when its lease is lost. */
  release(ticket: TaskTicket): Promise<TaskRecord | null>
  /** The same for a worker outside. @throws TransientError CONFLICT when it is not held any more, NOT_FOUND */
  giveBack(ticket: TaskTicket): Promise<TaskRecord>
  /** @throws MissingKey, and nothing is done; CONFLICT, NOT_FOUND */
  complete(request: CompleteRequest): Promise<CompletedTask>
  /** Ends a task that waited for a child. */
  completeWaiting(key: TaskKey, outcome: Outcome): Promise<void>
  /** Ends an attempt, or the wait for a child, whose time is up; a later report is another's. Answers whether it was. */
  timeOut(task: TaskRecord): Promise<boolean>
}

export const CHAIN: ChainLimits = { steps: 32, ms: 100 }

/** Begins and ends attempts, each under its execution's lock (architecture.md, "The one truth"). */
export function createAttempts(deps: AttemptsDependencies): Attempts {
  const { db, clock, limits, leaseMs, lookup, commit, logger, observer, keyRing = NO_KEYS } = deps
  const missingKeys = createMissingKeys({ db, logger })
  const advancing = { ...deps, chain: deps.chain ?? CHAIN }

  /** A decision that fails for no reason of the step's own is tried again, but not for ever: the task counts how often. */
  async function counting<T>(request: AdvanceRequest<T>): Promise<T> {
    try {
      return await commit.push(advanceWork(advancing, request))
    } catch (error) {
      if (!isTransientError(error)) {
        logger.error({ task: formatTaskId(request.key), err: error }, 'what follows from a task could not be decided or stored')
        await noteFault(db, request.key)
      }
      throw error
    }
  }

  async function begin(key: TaskKey, worker: Worker): Promise<ClaimedTask | null> {
    const known = await lookup.of(key.executionId)
    if (!known) return null
    const start = (snapshot: Snapshot, rejection: Rejection | null) => {
      const decision = prepare({ snapshot, limits, rejection, now: clock.now() })
      if (decision.call || decision.commands.some(({ type }) => type === 'start_child')) requireKeys(snapshot, keyRing)
      return decision
    }
    const beginning = counting({
      ...{ key, known, phase: 'prepare' },
      *perform({ draft, task, loaded, advance }) {
        if (draft.execution.status !== 'running') return null
        if (!task || !loaded?.isFree) {
          draft.forgotten.push(key)
          return null
        }
        const leaseUntil = new Date(loaded.now.getTime() + leaseMs)
        const leased = { ...task, token: mintTaskToken(key), workerId: worker.id, deliveries: task.deliveries + 1, leaseUntil }
        const { decision, snapshot } = yield* advance(leased, { log: null, decide: start })
        if (!decision.call) return null
        const { timeoutMs } = decision.call
        const given = worker.isRemote ? { ...leased, input: { ...decision.call }, sealed: null } : leased
        changeTask(draft, given, { leaseMs, timeoutMs })
        return claimedTask(snapshot, { ...decision.call, leaseMs })
      },
    })
    return beginning.catch(async (error: unknown) => {
      if (!isMissingKey(error)) throw error
      await missingKeys.leave(key, error)
      return null
    })
  }

  async function end({ key, outcome, log, isExpected }: Ending) {
    const known = await lookup.of(key.executionId)
    const unknown = () => new TransientError('NOT_FOUND', `task "${formatTaskId(key)}" does not exist`)
    if (!known) throw unknown()
    const decideEnd = (snapshot: Snapshot, rejection: Rejection | null) => {
      const request = { snapshot, limits, rejection, now: clock.now() }
      // Ended without it, the run would lose what it was given.
      if (isMissingKey(snapshot.run.fault)) throw snapshot.run.fault
      if (isGivenUp(snapshot)) return giveUp(request)
      return snapshot.task.kind === 'wait' ? dueWait(request) : decide({ ...request, outcome, log })
    }
    const ended = await counting({
      ...{ key, known, phase: 'end' },
      *perform({ draft, task, loaded, advance }) {
        if (!task) throw unknown()
        const expected = isExpected(task, loaded?.isOverdue === true)
        const isAccepted = expected !== null && isUnderWay(draft.execution.status)
        if (isAccepted) yield* advance(expected, { log, decide: decideEnd })
        return {
          isAccepted,
          revision: draft.execution.revision,
          kind: task.kind,
          seconds: draft.loadedTasks.get(taskKeyText(key))?.heldSeconds ?? null,
        }
      },
    })
    const { isAccepted, revision, kind, seconds } = ended
    // After the commit: what is rolled back was none.
    if (isAccepted && seconds !== null && kind !== 'wait') observer?.attemptEnded({ kind, status: outcome.status, seconds })
    return { isAccepted, revision }
  }

  async function leased(ticket: TaskTicket, touch: (key: TaskKey) => Promise<TaskRecord | null>): Promise<TaskRecord> {
    const key = ticketKey(ticket)
    const task = await touch(key)
    if (task) return task
    if (!(await findTask(db, key))) throw new TransientError('NOT_FOUND', `task "${ticket.taskId}" does not exist`)
    throw new TransientError('CONFLICT', `task "${ticket.taskId}" is no longer held by this worker: stop it`)
  }

  const extend = (ticket: TaskTicket) => leased(ticket, (key) => extendLease(db, key, { token: ticket.token, leaseMs }))

  return {
    begin,
    extend,
    heartbeat: async (ticket) => leasedTask({ db, leaseMs, keyRing }, await extend(ticket)),
    async release(ticket) {
      const task = await releaseLease(db, ticketKey(ticket), ticket.token)
      // The bus is told by nobody here, as this process is about to end: the relays of the others do it.
      if (task) await forgetEnsured(db, [task])
      return task
    },
    giveBack: (ticket) => leased(ticket, (key) => releaseLease(db, key, ticket.token)),
    async complete(request) {
      const key = ticketKey(request)
      const isExpected = (task: TaskRecord, isOverdue: boolean) => {
        const isMine = task.token === request.token
        if (isMine && task.status === 'done') return null
        if (!isMine || task.status !== 'open' || isOverdue) {
          const why = isMine && isOverdue ? 'has run longer than its timeout' : 'is no longer held by this worker'
          throw new TransientError('CONFLICT', `task "${request.taskId}" ${why}: drop the result`)
        }
        return task
      }
      return end({ key, outcome: outcomeOf(request), log: request.log ? storableText(request.log) : null, isExpected })
    },
    async completeWaiting(key, outcome) {
      await end({ key, outcome, log: null, isExpected: (task) => (task.status === 'waiting' ? task : null) })
    },
    async timeOut(task) {
      // Without its token no worker's report is taken for a repeated one.
      const isExpected = (current: TaskRecord, isOverdue: boolean) => (isOverdue ? { ...current, token: null } : null)
      const { isAccepted } = await end({ key: task, outcome: timedOut(task), log: null, isExpected })
      return isAccepted
    },
  }
}

interface Ending {
  readonly key: TaskKey
  readonly outcome: Outcome
  readonly log: string | null
  /** The task as it is to be ended; null: it is not. */
  readonly isExpected: (task: TaskRecord, isOverdue: boolean) => TaskRecord | null
}

function timedOut({ childId, claimedAt, deadline }: TaskRecord): Outcome {
  if (childId !== null) {
    return failure({
      code: 'TIMEOUT',
      message: `child execution ${childId} did not end within the step's timeout, and is cancelled`,
    })
  }
  const seconds = ((deadline?.getTime() ?? 0) - (claimedAt?.getTime() ?? 0)) / 1000
  const message = `no report within ${seconds} s: the server ended the attempt; raise the step's timeout if it needs longer`
  return failure({ code: 'TIMEOUT', message })
}

function ticketKey(ticket: TaskTicket): TaskKey {
  const key = parseTaskId(ticket.taskId)
  if (key.attempt === ticket.attempt) return key
  throw new TransientError('CONFLICT', `task "${ticket.taskId}" is not attempt ${ticket.attempt}`)
}

function outcomeOf({ result, error, extras = {} }: CompleteRequest): Outcome {
  const written: JsonValue = result ?? null
  const reason = unstorableReason(written)
  const data = reason === null ? written : null
  const kept = unstorableReason(extras) === null ? extras : {}
  if (error) {
    const message = storableText(error.message) + (reason === null ? '' : ` (its data is left out: ${reason})`)
    const { code, details = {} } = error
    const more = unstorableReason(details) === null ? { details } : {}
    return { status: 'error', error: { code, message, ...more }, data, extras: kept }
  }
  if (reason === null) return { status: 'success', data, extras: kept }
  const message = `the result cannot be stored: ${reason}`
  return { status: 'error', error: { code: 'TOOL_FAILED', message }, data: null, extras: kept }
}

/** `<execution>:<step>:<visit>:<iteration>`, and of a list `:<tool>:<turn>`: the same at every attempt. */
function idempotencyKeyOf(run: RunState, part: string | undefined): string {
  const key = `${run.executionId}:${run.step}:${run.visit}:${run.iteration ?? ''}`
  return part === undefined ? key : `${key}:${part}`
}

interface Leasing {
  readonly db: Database
  readonly leaseMs: number
  readonly keyRing: KeyRing
}

/** A task that a remote worker has leased, as it was given to it. */
async function leasedTask({ db, leaseMs, keyRing }: Leasing, task: TaskRecord): Promise<ClaimedTask> {
  const run = await loadRun(db, task.executionId, task.run)
  const call = inputOf(task, keyRing) as unknown as Decision['call']
  if (!run || !call) throw new TransientError('CONFLICT', `task "${formatTaskId(task)}" is held by the server itself`)
  return claimedTask({ run, task }, { ...call, leaseMs })
}

type LeasedCall = NonNullable<Decision['call']> & { readonly leaseMs: number }

function claimedTask({ task, run }: Pick<Snapshot, 'task' | 'run'>, call: LeasedCall): ClaimedTask {
  return {
    id: formatTaskId(task),
    executionId: task.executionId,
    step: run.step,
    visit: run.visit,
    iteration: run.iteration,
    attempt: task.attempt,
    kind: call.kind,
    input: call.input,
    timeoutMs: call.timeoutMs,
    idempotencyKey: idempotencyKeyOf(run, call.part),
    token: task.token ?? '',
    leaseUntil: task.leaseUntil ?? new Date(0),
    leaseMs: call.leaseMs,
  }
}
