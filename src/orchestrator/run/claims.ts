import { LRUCache } from 'lru-cache'
import { MAX_TASKS, MAX_WAIT_MS } from '../../contract/tasks.js'
import { isTransientError, TransientError } from '../../core/errors.js'
import type { ExecutionId } from '../../core/ids.js'
import { isStorableText } from '../../core/text.js'
import type { Database } from '../../db/database.js'
import { SYSTEM_POOL, type TaskKey, type TaskRecord } from '../../tasks/record.js'
import { listClaimable } from '../../tasks/store.js'
import type { ClaimedTask, ClaimRequest, ClaimSeveralRequest, TaskTicket } from '../orchestrator.js'

const POLL_MS = 500
const CANDIDATES = 20
/** Looked at together, however many are wanted. */
const MOST_CANDIDATES = 1000
const MAX_NOTICED = 10_000
/** Executions whose last turn is remembered; the others count as if they had just come. */
const MAX_SERVED = 1000

export interface Claims {
  /**
   * Claims up to `max` tasks for a worker outside the process, waiting up to `waitMs` for the first; none when nothing came.
   * @throws TransientError VALIDATION for a bound that is not kept, an empty worker id, or the orchestrator's own pool
   */
  claim(request: ClaimSeveralRequest): Promise<readonly ClaimedTask[]>
  /** A task of this pool has just been offered: those who wait look at once. */
  wake(pool: string): void
  /** Answers all who wait, and all who come, with nothing. */
  stop(): Promise<void>
}

interface Waiter {
  readonly request: ClaimSeveralRequest
  readonly deadline: number
  /** Whether somebody looked for it before: it does not show that its worker is alive now. */
  isOld: boolean
  answer(tasks: readonly ClaimedTask[]): void
  fail(error: unknown): void
}

/** What is taken for one who waits. */
interface Taking {
  readonly waiter: Waiter
  readonly taken: readonly ClaimedTask[]
  readonly taking: readonly Promise<unknown>[]
}

/** Those who wait for one pool, in the order they came; one loop looks for all of them. */
interface Queue {
  readonly waiting: Set<Waiter>
  looking: Promise<void> | null
  /** A task was offered since the loop last began to look. */
  isStale: boolean
  rouse: () => void
}

interface ClaimsDependencies {
  readonly db: Database
  readonly begin: (key: TaskKey, workerId: string) => Promise<ClaimedTask | null>
  readonly release: (ticket: TaskTicket) => Promise<void>
  readonly pollMs?: number | undefined
}

/** Who waits for tasks of which pool: one query serves all waiters of a pool, and an offered task wakes them at once. */
export function createClaims({ db, begin, release, pollMs = POLL_MS }: ClaimsDependencies): Claims {
  const queues = new Map<string, Queue>()
  /** Tokens of leases that ran out and whose workers' claims were dismissed for it. */
  const noticed = new LRUCache<string, true>({ max: MAX_NOTICED })
  /** When executions had their last turn. */
  const served = new LRUCache<ExecutionId, number>({ max: MAX_SERVED })
  let isStopped = false

  async function look(pool: string, queue: Queue): Promise<void> {
    try {
      while (queue.waiting.size > 0) {
        queue.isStale = false
        const present = [...queue.waiting]
        const isMoreLikely = await handOut(pool, queue)
        dismissExpired(queue, present)
        if (!queue.isStale && !isMoreLikely && queue.waiting.size > 0) await rest(queue, pollMs)
      }
    } catch (error) {
      for (const waiter of queue.waiting) waiter.fail(error)
    }
    queues.delete(pool)
  }

  async function handOut(pool: string, queue: Queue): Promise<boolean> {
    const wanted = [...queue.waiting].reduce((sum, { request }) => sum + request.max, 0)
    const limit = Math.min(Math.max(CANDIDATES, wanted), MOST_CANDIDATES)
    const now = performance.now()
    const turns = [...served].map(([id, at]) => ({ id, ms: now - at }))
    const candidates = await listClaimable(db, pool, limit, turns)
    dismissLost(queue, candidates)
    await serve(queue, [...queue.waiting].slice(0, candidates.length), candidates.values())
    for (const waiter of queue.waiting) waiter.isOld = true
    return candidates.length === limit
  }

  /**
   * Who let a lease run out may be frozen with its connections open, and would be given one task after another: its
   * claims from before are answered with nothing. One that lives claims again.
   */
  function dismissLost(queue: Queue, candidates: readonly TaskRecord[]): void {
    for (const { token, workerId, leaseUntil } of candidates) {
      if (token === null || leaseUntil === null || noticed.has(token)) continue
      noticed.set(token, true)
      for (const waiter of queue.waiting) {
        if (waiter.isOld && waiter.request.workerId === workerId && queue.waiting.delete(waiter)) waiter.answer([])
      }
    }
  }

  /** All who are served at the same time share the candidates: each gets a first task before anybody gets a second one. */
  async function serve(queue: Queue, waiters: readonly Waiter[], untried: Iterator<TaskRecord>): Promise<void> {
    const takings = waiters.map((waiter) => ({ waiter, taken: [] as ClaimedTask[], taking: [] as Promise<unknown>[] }))
    for (const waiter of waiters) queue.waiting.delete(waiter)
    const most = Math.max(...waiters.map(({ request }) => request.max))
    for (let turn = 0; turn < most; turn += 1) {
      for (const { waiter, taken, taking } of takings) {
        if (turn < waiter.request.max) taking.push(take(waiter.request, untried, taken))
      }
    }
    await Promise.all(takings.map((one) => settle(queue, one)))
  }

  /** Tries one candidate after another until one can be begun. */
  async function take({ workerId, signal }: ClaimRequest, untried: Iterator<TaskRecord>, taken: ClaimedTask[]): Promise<void> {
    for (let next = untried.next(); !next.done && !signal?.aborted; next = untried.next()) {
      const task = await begin(next.value, workerId).catch(passOver)
      // Also where it could not be begun here: it must not stand before the others for ever.
      served.set(next.value.executionId, performance.now())
      if (!task) continue
      taken.push(task)
      return
    }
  }

  /** What was taken counts, also where something more could not be. Who has left gives it back. */
  async function settle(queue: Queue, { waiter, taken, taking }: Taking): Promise<void> {
    try {
      const fault = (await Promise.allSettled(taking)).find(({ status }) => status === 'rejected')
      if (waiter.request.signal?.aborted) {
        await Promise.all(taken.map((task) => release({ taskId: task.id, attempt: task.attempt, token: task.token })))
        waiter.answer([])
      } else if (taken.length > 0) waiter.answer(taken)
      else if (fault?.status === 'rejected') waiter.fail(fault.reason)
      else queue.waiting.add(waiter)
    } catch (error) {
      waiter.fail(error)
    }
  }

  function join(waiter: Waiter): void {
    const { pool } = waiter.request
    const queue = queues.get(pool) ?? { waiting: new Set(), looking: null, isStale: false, rouse: () => undefined }
    queues.set(pool, queue)
    queue.waiting.add(waiter)
    wake(pool)
    queue.looking ??= look(pool, queue)
  }

  function wake(pool: string): void {
    const queue = queues.get(pool)
    if (!queue) return
    queue.isStale = true
    queue.rouse()
  }

  return {
    wake,
    async claim(request) {
      check(request)
      if (isStopped) return []
      return new Promise((resolve, reject) => {
        const leave = () => {
          queues.get(request.pool)?.waiting.delete(waiter)
          resolve([])
        }
        const settled = () => request.signal?.removeEventListener('abort', leave)
        const waiter: Waiter = {
          request,
          deadline: performance.now() + request.waitMs,
          isOld: false,
          answer(tasks) {
            settled()
            resolve(tasks)
          },
          fail(error) {
            settled()
            reject(error)
          },
        }
        if (request.signal?.aborted) return resolve([])
        request.signal?.addEventListener('abort', leave, { once: true })
        join(waiter)
      })
    },
    async stop() {
      isStopped = true
      const open = [...queues.values()]
      for (const queue of open) {
        for (const waiter of queue.waiting) waiter.answer([])
        queue.waiting.clear()
        queue.rouse()
      }
      await Promise.all(open.map((queue) => queue.looking))
    },
  }
}

/** One task that cannot be begun keeps nobody from the others; whoever begins it logs why. */
function passOver(error: unknown): null {
  if (isTransientError(error) && error.code === 'OVERLOADED') throw error
  return null
}

/** Those who were there when the loop looked, found nothing, and have no time left. */
function dismissExpired(queue: Queue, present: readonly Waiter[]): void {
  const now = performance.now()
  for (const waiter of present) {
    if (waiter.deadline <= now && queue.waiting.delete(waiter)) waiter.answer([])
  }
}

async function rest(queue: Queue, pollMs: number): Promise<void> {
  const soonest = Math.min(...[...queue.waiting].map((waiter) => waiter.deadline))
  const ms = Math.min(pollMs, Math.max(0, soonest - performance.now()))
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    queue.rouse = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}

function check({ pool, workerId, waitMs, max }: ClaimSeveralRequest): void {
  const refuse = (field: string, message: string) =>
    new TransientError('VALIDATION', `${field}: ${message}`, { details: { field } })
  if (pool === '' || pool === SYSTEM_POOL || !isStorableText(pool))
    throw refuse('pool', `${JSON.stringify(pool)} is no pool of workers`)
  if (workerId === '' || workerId.length > 200 || !isStorableText(workerId)) {
    throw refuse('workerId', 'must have 1 to 200 characters, without NUL or half a surrogate pair')
  }
  if (!(waitMs >= 0 && waitMs <= MAX_WAIT_MS)) throw refuse('waitMs', `must be from 0 to ${MAX_WAIT_MS}`)
  if (!(Number.isInteger(max) && max >= 1 && max <= MAX_TASKS))
    throw refuse('max', `must be a whole number from 1 to ${MAX_TASKS}`)
}
