import { setTimeout as sleep } from 'node:timers/promises'
import { type Backoff, jitteredDelayMs } from '../core/backoff.js'
import type { ExecutionId } from '../core/ids.js'
import type { Database } from '../db/database.js'
import { explainLock, isLockTimeout } from '../executions/store.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { carryOut, isGenerator, TryAgain, type Work } from './carry-out.js'
import { type Draft, isDirty } from './draft.js'
import { createGroupCommit, type GroupLimits, isHopeless, type Outcome } from './group.js'
import { isInsertedMeanwhile } from './lock-store.js'
import { NO_OUTBOX, type Outbox, type Pointer } from './outbox.js'
import { keyOf } from './record.js'
import { createRememberedExecutions } from './remembered.js'
import { writeOptimistically } from './variables-store.js'
import type { Waits } from './waits.js'

/** So often a transaction is tried again in which somebody else inserts, by SQL, what was not there. */
const MAX_TRIES = 20
/** Between two tries it waits for a random time: tried at once it would keep in step with a program that inserts and deletes in turns. */
const BACKOFF: Backoff = { initialDelayMs: 1, backoffMultiplier: 2, maxDelayMs: 20 }

/** Something that changes an execution. */
export interface CommitRequest<T> extends Work<T> {
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
  /** What ends the waits that changes fulfil. */
  readonly waits?: Waits | undefined
  /** Told of each execution that a transaction has changed, once it is committed. Callers are answered when what it returns is settled. */
  readonly afterCommit: (draft: Draft) => Promise<void> | undefined
}

/** The one way in which executions change. */
export interface CommitQueue {
  /** Resolves when it is committed. @throws TransientError OVERLOADED when too many wait, or somebody keeps the execution locked; whatever the work throws */
  push<T>(request: CommitRequest<T>): Promise<T>
}

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
  waits,
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
        const { answers, drafts, settled } = await db.transaction((tx) =>
          carryOut(tx, requests, { isAlone, keyRing, outbox, waits }),
        )
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
          if (error instanceof TryAgain && error.before) await error.before()
          else await sleep(jitteredDelayMs(BACKOFF, tries))
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
