import { setTimeout as sleep } from 'node:timers/promises'
import { type Backoff, jitteredDelayMs } from '../core/backoff.js'
import { isTransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import type { Database, Transaction } from '../db/database.js'
import { explainLock, isLockTimeout } from '../executions/store.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { type Draft, emptyDraft, isDirty } from './draft.js'
import { flush } from './flush.js'
import { createGroupCommit, type GroupLimits, isHopeless, type Outcome } from './group.js'
import { loadMore, type Needs, openDrafts } from './load.js'
import { isInsertedMeanwhile, removeExecutions } from './lock-store.js'
import { NO_OUTBOX, type Outbox, type Pointer } from './outbox.js'
import { keyOf } from './record.js'
import { createRememberedExecutions } from './remembered.js'
import { writeOptimistically } from './variables-store.js'

/** How long works may be carried out without giving way to others. */
const TURN_MS = 10
/** Beyond that the rest of a batch gets a transaction of its own: all that is locked here waits meanwhile. */
const BATCH_MS = 250
/** So often a transaction is tried again in which somebody else inserts, by SQL, what was not there. */
const MAX_TRIES = 20
/** Between two tries it waits for a random time: tried at once it would keep in step with a program that inserts and deletes in turns. */
const BACKOFF: Backoff = { initialDelayMs: 1, backoffMultiplier: 2, maxDelayMs: 20 }

/** Something that changes an execution. */
export interface CommitRequest<T> {
  readonly executionId: ExecutionId
  readonly needs: Needs
  /** What else it is likely to need, as far as what was loaded first tells. */
  readonly foresee?: (draft: Draft) => Needs
  /**
   * Pure and synchronous: it changes the draft, and nothing else, or throws a TransientError and changes nothing. It may be carried out again, over
   * another draft. A generator yields what it finds that it needs, too. `began`: by `performance.now()`, when its transaction's works began.
   */
  work(draft: Draft, began: number): T | Generator<Needs, T, void>
  /** How much of a transaction it takes; 1 if it does not say. */
  readonly size?: number
  /** It may be carried out over what this process remembers (decision 26). */
  readonly optimistic?:
    | {
        /** Whether all that it answers is in the rows that are compared. */
        isDecided(value: T): boolean
        /** Reads are counted behind the writes' back: how many, by `keyOf`, the rows know. */
        withCounts(value: T, counts: ReadonlyMap<string, number>): T
      }
    | undefined
}

export interface CommitQueueOptions extends GroupLimits {
  readonly db: Database
  readonly keyRing: KeyRing
  /** Works may be carried out over what is remembered of earlier ones, see `optimistic`. */
  readonly isRemembering?: boolean
  /** Who is to be told of what changes, durably. */
  readonly outbox?: Outbox | undefined
  /** Told of each execution that a transaction has changed, once it is committed. Callers are answered when what it returns is settled. */
  readonly afterCommit: (draft: Draft) => Promise<void> | undefined
}

/** The one way in which executions change. */
export interface CommitQueue {
  /** Resolves when it is committed. @throws TransientError OVERLOADED when too many wait, or somebody keeps the execution locked; whatever the work throws */
  push<T>(request: CommitRequest<T>): Promise<T>
}

/** Thrown by a work that is to be carried out again, apart from the others: all that its transaction did is rolled back. */
export class TryAgain extends Error {}

type Request = CommitRequest<unknown>

/** An execution with what became of the works of a batch that are about it, by their place in it. */
interface Folded {
  readonly draft: Draft
  readonly answers: ReadonlyMap<number, unknown>
  readonly pointers: readonly Pointer[]
}

/**
 * Works that come at the same time share a transaction (`group.ts`): their executions are locked and loaded, each work is carried out on the draft
 * of its execution, and all drafts are written together with the commit. A work that is refused leaves its neighbours alone.
 */
export function createCommitQueue({
  db,
  keyRing,
  isRemembering = false,
  outbox = NO_OUTBOX,
  afterCommit,
  ...limits
}: CommitQueueOptions): CommitQueue {
  const remembered = createRememberedExecutions(keyRing)

  async function commit(requests: readonly Request[], { isAlone }: { isAlone: boolean }): Promise<Outcome<unknown>[]> {
    const outcomes: Outcome<unknown>[] = requests.map(() => 'busy')
    const folded = isAlone ? [] : foldRemembered(requests)
    const isFolded = new Set(folded.flatMap(({ answers }) => [...answers.keys()]))
    const together = async (indexes: readonly number[]) => {
      if (indexes.length === 0) return
      const wanted = indexes.map((index) => requests[index] as Request)
      const done = await commitTogether(wanted, isAlone).catch((failure: unknown) => indexes.map(() => ({ failure })))
      for (const [place, index] of indexes.entries()) outcomes[index] = done[place] ?? 'busy'
    }
    const optimistically = async () => {
      if (folded.length > 0) await together(await writeFolded(requests, folded, outcomes))
    }
    await Promise.all([optimistically(), together([...requests.keys()].filter((index) => !isFolded.has(index)))])
    return outcomes
  }

  /**
   * Carries works out whose executions are remembered with all that they need. Those that are refused, or answer what is not in the rows that are
   * compared, are left with the others.
   */
  function foldRemembered(requests: readonly Request[]): Folded[] {
    const byExecution = new Map<ExecutionId, number[]>()
    for (const [index, { executionId }] of requests.entries()) {
      const group = byExecution.get(executionId)
      if (group) group.push(index)
      else byExecution.set(executionId, [index])
    }
    return [...byExecution].flatMap(([executionId, group]) => {
      const works = group.map((index) => requests[index] as Request)
      if (!works.every(({ optimistic }) => optimistic)) return []
      const draft = remembered.take(
        executionId,
        works.flatMap(({ needs: { written = [] } }) => [...written]),
      )
      if (draft === null) return []
      const answers = new Map<number, unknown>()
      for (const [place, { work, optimistic }] of works.entries()) {
        try {
          const value = work(draft, 0)
          if (isGenerator(value) || !optimistic?.isDecided(value)) return []
          answers.set(group[place] as number, value)
        } catch {
          // What was not foreseen, the transaction will meet, too, and tell.
          return []
        }
      }
      const pointers = outbox.pointersOf(draft)
      return draft.changes.length > 0 && pointers !== null ? [{ draft, answers, pointers }] : []
    })
  }

  /** Answers what is to be done again, over what PostgreSQL has. */
  async function writeFolded(
    requests: readonly Request[],
    folded: readonly Folded[],
    outcomes: Outcome<unknown>[],
  ): Promise<number[]> {
    const all = folded.flatMap(({ answers }) => [...answers.keys()])
    try {
      const rows = await writeOptimistically(
        db,
        folded.map(({ draft }) => draft),
        folded.flatMap(({ pointers }) => pointers),
      )
      const counts = new Map(rows.map((row) => [keyOf(String(row.execution_id), row.name), row.access_count]))
      const transactions = new Map(rows.map((row) => [String(row.execution_id), row.transaction]))
      const stale: number[] = []
      for (const { draft, answers } of folded) {
        const transaction = transactions.get(draft.execution.id)
        if (transaction === undefined) {
          remembered.miss(draft)
          stale.push(...answers.keys())
          continue
        }
        const after = announce(draft)
        for (const [index, value] of answers) {
          outcomes[index] = { value: requests[index]?.optimistic?.withCounts(value, counts), after }
        }
        remembered.putBack(draft, transaction)
      }
      return stale.sort((left, right) => left - right)
    } catch (error) {
      if (!isHopeless(error)) return all
      remembered.forgetAll()
      for (const index of all) outcomes[index] = { error }
      return []
    }
  }

  async function commitTogether(requests: readonly Request[], isAlone: boolean): Promise<readonly Outcome<unknown>[]> {
    for (let tries = 1; ; tries += 1) {
      try {
        const { answers, drafts, settled } = await db.transaction((tx) => carryOut(tx, requests, { isAlone, keyRing, outbox }))
        await settled
        if (isRemembering) remembered.learn(drafts)
        const announced = new Map(drafts.filter(isDirty).map((draft) => [draft.execution.id, announce(draft)]))
        return answers.map((answer, index) => {
          const after = announced.get(requests[index]?.executionId ?? '')
          return after && answer !== 'busy' && 'value' in answer ? { ...answer, after } : answer
        })
      } catch (error) {
        const isInserted = isInsertedMeanwhile(error) && requests.some(({ needs }) => needs.begins !== 'new')
        if (isAlone && (isInserted || error instanceof TryAgain) && tries < MAX_TRIES) {
          await sleep(jitteredDelayMs(BACKOFF, tries))
          continue
        }
        if (isHopeless(error)) remembered.forgetAll()
        throw isAlone ? explainLock(error) : error
      }
    }
  }

  /** After a commit nothing may fail any more. */
  function announce(draft: Draft): Promise<void> | undefined {
    try {
      outbox.committed(draft)
      return afterCommit(draft)
    } catch {
      return undefined
    }
  }

  const group = createGroupCommit<Request, unknown>({
    ...{ ...limits, commit },
    executionOf: ({ executionId }) => executionId,
    sizeOf: ({ size = 1 }) => size,
    isWorthAnotherTry: (error) => isLockTimeout(error) || isInsertedMeanwhile(error) || error instanceof TryAgain,
  })
  return { push: <T>(request: CommitRequest<T>) => group.push(request as unknown as Request) as Promise<T> }
}

interface Carrying {
  /** All works are of one execution, which is waited for. */
  readonly isAlone: boolean
  readonly keyRing: KeyRing
  readonly outbox: Outbox
}

/** Lock, load, carry out, write. What takes long is left to a transaction of its own. */
async function carryOut(tx: Transaction, requests: readonly Request[], { isAlone, keyRing, outbox }: Carrying) {
  const isSlow = ({ needs }: Request) => !isAlone && (needs.written === 'all' || needs.claim !== undefined)
  const late = new Set(requests.filter(isSlow).map(({ executionId }) => executionId))
  const timely = requests.filter(({ executionId }) => !late.has(executionId))
  const { drafts, created } = await openDrafts(tx, timely, { isAlone, keyRing })
  const wanted = requests.flatMap(({ executionId, foresee }) => {
    const draft = drafts.get(executionId)
    return draft && foresee ? [{ draft, needs: foresee(draft) }] : []
  })
  for (const id of await loadMore(tx, wanted, isAlone)) drafts.delete(id)
  const answers: Outcome<unknown>[] = []
  const began = performance.now()
  let turnAt = began
  for (const request of requests) {
    const now = performance.now()
    if (now - turnAt > TURN_MS) {
      await new Promise(setImmediate)
      turnAt = performance.now()
    }
    const draft = drafts.get(request.executionId) ?? (isAlone ? emptyDraft(request.executionId, keyRing) : null)
    const isLate = answers.length > 0 && now - began > BATCH_MS
    answers.push(!draft || draft.ending || isLate ? 'busy' : await attempt(tx, { request, draft, began, isAlone }))
  }
  for (const [id, { changes }] of drafts) {
    if (isAlone || !changes.some((change) => change.isBecomingSensitive)) continue
    // Its whole history is rewritten.
    drafts.delete(id)
    for (const [index, { executionId }] of requests.entries()) if (executionId === id) answers[index] = 'busy'
  }
  const { settled } = await flush(tx, [...drafts.values()], outbox)
  const unused = created.filter((id) => (drafts.get(id)?.changes.length ?? 0) === 0)
  if (unused.length > 0) removeExecutions(tx, unused)
  for (const id of unused) drafts.delete(id)
  return { answers, settled, drafts: [...drafts.values()] }
}

interface Attempt {
  readonly request: Request
  readonly draft: Draft
  readonly began: number
  readonly isAlone: boolean
}

async function attempt(tx: Transaction, { request, draft, began, isAlone }: Attempt): Promise<Outcome<unknown>> {
  try {
    const made = request.work(draft, began)
    if (!isGenerator(made)) return { value: made }
    for (let next = made.next(); ; next = made.next()) {
      if (next.done) return { value: next.value }
      // Where a variable that nobody foresaw is another transaction's, each execution is waited for alone.
      if ((await loadMore(tx, [{ draft, needs: next.value }], isAlone)).size > 0) throw new TryAgain()
    }
  } catch (error) {
    if (isTransientError(error) && error.code !== 'OVERLOADED') return { error }
    throw error
  }
}

function isGenerator(made: unknown): made is Generator<Needs, unknown, void> {
  return Object.prototype.toString.call(made) === '[object Generator]'
}
