import type { StepBus } from '../../bus/bus.js'
import { createCommitQueue, isHopeless, type Outcome } from '../../commit/queue.js'
import type { Clock } from '../../core/clock.js'
import type { ExecutionId } from '../../core/ids.js'
import type { Database, Transaction } from '../../db/database.js'
import { explainLock, isLockTimeout } from '../../executions/store.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import { keyOf } from '../key.js'
import type { WriteOutcome, WriteResult } from '../requests.js'
import { lockVariables } from '../store.js'
import { writeChanges, writeOptimistically } from './change-store.js'
import {
  changesOf,
  type Folding,
  foldInto,
  hintOf,
  type LockedExecution,
  newDraft,
  type QueuedWrite,
  type WriteAnswer,
  type WriteDraft,
} from './draft.js'
import {
  countVariables,
  createExecutions,
  isInsertedMeanwhile,
  lockCounters,
  lockVariablesOf,
  removeExecutions,
  type VariableKey,
} from './load-store.js'
import { createRememberedExecutions, type RememberedDraft } from './remembered.js'

/** Variables in one transaction, at most. */
const MAX_WRITES = 200
const MAX_TRANSACTIONS = 3
/** Small transactions cost more than they gain. */
const MIN_BESIDE = 8
/** Variables that may wait at once, before memory and callers' timeouts run out. */
const MAX_WAITING = 20_000
/** So often a transaction is tried again in which somebody else inserts, by SQL, what was not there. */
const MAX_TRIES = 20

export interface WriterOptions {
  readonly maxWaiting?: number
  readonly db: Database
  readonly bus: StepBus
  readonly clock: Clock
  readonly keyRing: KeyRing
}

type WriteOutcomes = Outcome<WriteResult>

/** A remembered execution with what became of the change sets of a batch, by their place in it. */
interface Folded {
  readonly draft: RememberedDraft
  readonly answers: ReadonlyMap<number, { readonly value: WriteResult }>
}

/**
 * Group commit of change sets: each keeps its own revision and answer. What this process remembers of an execution need not be loaded (decision 26).
 * Rejects with OVERLOADED when too many wait.
 */
export function createWriter({ db, bus, clock, keyRing, maxWaiting = MAX_WAITING }: WriterOptions) {
  const remembered = createRememberedExecutions()

  async function commit(requests: readonly QueuedWrite[], { isAlone }: { isAlone: boolean }): Promise<WriteOutcomes[]> {
    const outcomes: WriteOutcomes[] = requests.map(() => 'busy')
    const folding = { now: clock.now(), keyRing }
    const folded = isAlone ? [] : foldRemembered(requests, folding)
    const isFolded = new Set(folded.flatMap(({ answers }) => [...answers.keys()]))
    const others = [...requests.keys()].filter((index) => !isFolded.has(index))
    const together = async (indexes: readonly number[]) => {
      if (indexes.length === 0) return
      const wanted = indexes.map((index) => requests[index] as QueuedWrite)
      const done = await commitTogether(wanted, isAlone).catch((failure: unknown) => indexes.map(() => ({ failure })))
      for (const [place, index] of indexes.entries()) outcomes[index] = done[place] ?? 'busy'
    }
    const optimistically = async () => {
      if (folded.length > 0) await together(await writeFolded(folded, outcomes))
    }
    await Promise.all([optimistically(), together(others)])
    return outcomes
  }

  /**
   * Folds change sets whose executions are remembered with all that they need. Those that are refused, change nothing, or not all that they
   * name, are left with the others: what they are told is not in the rows that are compared.
   */
  function foldRemembered(requests: readonly QueuedWrite[], folding: Folding): Folded[] {
    const byExecution = new Map<ExecutionId, [number, QueuedWrite][]>()
    for (const [index, request] of requests.entries()) {
      const group = byExecution.get(request.executionId)
      if (group) group.push([index, request])
      else byExecution.set(request.executionId, [[index, request]])
    }
    return [...byExecution].flatMap(([executionId, group]) => {
      const draft = remembered.take(
        executionId,
        group.map(([, request]) => request),
      )
      if (draft === null) return []
      const answers = new Map<number, { value: WriteResult }>()
      for (const [index, request] of group) {
        const answer = attempted(() => foldInto(draft, request, folding))
        if (answer === null || 'error' in answer || !answer.value.outcomes.every(({ isChanged }) => isChanged)) return []
        answers.set(index, answer)
      }
      return draft.changes.length > 0 ? [{ draft, answers }] : []
    })
  }

  /** Answers what is to be done again, over what PostgreSQL has. */
  async function writeFolded(folded: readonly Folded[], outcomes: WriteOutcomes[]): Promise<number[]> {
    const drafts = folded.map(({ draft }) => draft)
    const all = folded.flatMap(({ answers }) => [...answers.keys()])
    try {
      const rows = await writeOptimistically(db, changesOf(drafts, keyRing))
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
        for (const [index, { value }] of answers) outcomes[index] = { value: counted(value, counts) }
        remembered.putBack(draft, transaction)
        announce([draft])
      }
      return stale.sort((left, right) => left - right)
    } catch (error) {
      if (!isHopeless(error)) return all
      remembered.forgetAll()
      for (const index of all) outcomes[index] = { error }
      return []
    }
  }

  async function commitTogether(requests: readonly QueuedWrite[], isAlone: boolean): Promise<readonly WriteOutcomes[]> {
    for (let tries = 1; ; tries += 1) {
      try {
        const { answers, drafts, created } = await db.transaction((tx) =>
          applyBatch(tx, { requests, now: clock.now(), isAlone, keyRing }),
        )
        remembered.learn(drafts, created)
        announce(drafts.filter((draft) => draft.changes.length > 0))
        return answers
      } catch (error) {
        if (isAlone && isInsertedMeanwhile(error) && tries < MAX_TRIES) continue
        if (isHopeless(error)) remembered.forgetAll()
        throw isAlone ? explainLock(error) : error
      }
    }
  }

  /** After a commit nothing may fail any more: a lost hint costs a watcher a second. */
  function announce(drafts: readonly WriteDraft[]): void {
    try {
      for (const { execution } of drafts) bus.hint(hintOf(execution))
    } catch {
      // The bus reports its own health.
    }
  }

  return createCommitQueue<QueuedWrite, WriteResult>({
    executionOf: ({ executionId }) => executionId,
    sizeOf: ({ writes }) => (writes === 'delete all' ? 1 : Math.max(writes.length, 1)),
    ...{ maxSize: MAX_WRITES, maxTransactions: MAX_TRANSACTIONS, minBeside: MIN_BESIDE, maxWaiting, commit },
    isWorthAnotherTry: (error) => isLockTimeout(error) || isInsertedMeanwhile(error),
  })
}

/** What the fold did not foresee, the transaction will meet, too, and tell. */
function attempted(fold: () => WriteAnswer): WriteAnswer | null {
  try {
    return fold()
  } catch {
    return null
  }
}

/** Reads are counted behind the writes' back: how many, the rows know. */
function counted(result: WriteResult, counts: ReadonlyMap<string, number>): WriteResult {
  const outcomes = result.outcomes.map((outcome): WriteOutcome => {
    const { variable } = outcome
    const accessCount = variable && counts.get(keyOf(variable.executionId, variable.name))
    if (!variable || accessCount == null || accessCount === variable.accessCount) return outcome
    return { ...outcome, variable: { ...variable, accessCount } }
  })
  return { ...result, outcomes }
}

interface Batch extends Folding {
  /** Change sets of any executions; those of one execution apply in order. */
  readonly requests: readonly QueuedWrite[]
  /** All are of one execution, which is waited for. */
  readonly isAlone: boolean
}

/**
 * Applies change sets of many executions in the caller's transaction: lock and load in one round trip, fold, then write together
 * with the commit. A change set that is refused leaves its neighbours alone. What takes long is left to a transaction of its own.
 */
async function applyBatch(tx: Transaction, { requests, isAlone, ...folding }: Batch) {
  const { drafts, created } = await openDrafts(tx, requests, isAlone)
  const answers = requests.map((request): WriteOutcomes => {
    const draft = drafts.get(request.executionId)
    if (draft) return foldInto(draft, request, folding)
    return isAlone ? foldInto(newDraft(notThere(request.executionId)), request, folding) : 'busy'
  })
  const isSlow = ({ changes }: WriteDraft) => !isAlone && changes.some((change) => change.isBecomingSensitive)
  const slow = new Set([...drafts.values()].filter(isSlow).map(({ execution }) => execution.id))
  for (const id of slow) drafts.delete(id)
  const moved = [...drafts.values()].filter((draft) => draft.changes.length > 0)
  if (moved.length > 0) await writeChanges(tx, changesOf(moved, folding.keyRing))
  const unused = created.filter((id) => (drafts.get(id)?.changes.length ?? 0) === 0)
  if (unused.length > 0) removeExecutions(tx, unused)
  for (const id of unused) drafts.delete(id)
  return {
    answers: answers.map((answer, index): WriteOutcomes => (slow.has(requests[index]?.executionId ?? '') ? 'busy' : answer)),
    /** The executions that were there, as this transaction leaves them. */
    drafts: [...drafts.values()],
    created: new Set(created),
  }
}

async function openDrafts(tx: Transaction, requests: readonly QueuedWrite[], isAlone: boolean) {
  // To look through all of its variables takes long: such an execution is left to a transaction of its own.
  const whole = new Set(requests.filter(({ writes }) => writes === 'delete all').map(({ executionId }) => executionId))
  const ids = [...new Set(requests.map(({ executionId }) => executionId))].filter((id) => isAlone || !whole.has(id))
  const locking = { requests, isAlone, whole }
  const drafts = await lockDrafts(tx, { ...locking, ids })
  const beginning = new Set(requests.filter(({ writes }) => isSetting(writes)).map(({ executionId }) => executionId))
  const missing = ids.filter((id) => !drafts.has(id) && beginning.has(id))
  if (missing.length === 0) return { drafts, created: [] }
  // Also those that another transaction created meanwhile.
  const [created, more] = await Promise.all([createExecutions(tx, missing), lockDrafts(tx, { ...locking, ids: missing })])
  for (const [id, draft] of more) drafts.set(id, draft)
  return { drafts, created }
}

function isSetting(writes: QueuedWrite['writes']): boolean {
  return writes !== 'delete all' && writes.some((write) => write.operation !== 'delete')
}

interface Locking extends Pick<Batch, 'requests' | 'isAlone'> {
  readonly ids: readonly ExecutionId[]
  /** Those of which all variables are loaded. */
  readonly whole: ReadonlySet<ExecutionId>
}

/** An execution of which somebody has locked a variable is left out, like one that is locked itself. */
async function lockDrafts(tx: Transaction, { ids, requests, isAlone, whole }: Locking): Promise<Map<ExecutionId, WriteDraft>> {
  const wanted = new Set(ids)
  const keys = new Map<string, VariableKey>()
  for (const { executionId, writes } of requests) {
    if (!wanted.has(executionId) || writes === 'delete all') continue
    for (const { name } of writes) keys.set(keyOf(executionId, name), { executionId, name })
  }
  const [locked, stored] = await Promise.all([lockCounters(tx, ids, isAlone), lockVariablesOf(tx, [...keys.values()], isAlone)])
  const mine = locked.filter(({ id }) => !stored.busy.has(id))
  const drifted = mine.filter(({ isDrifted }) => isDrifted).map(({ id }) => id)
  const totals = drifted.length > 0 ? await countVariables(tx, drifted) : null
  const drafts = new Map(mine.map((execution) => [execution.id, newDraft({ ...execution, ...totals?.get(execution.id) })]))
  for (const variable of stored.variables) drafts.get(variable.executionId)?.present.set(variable.name, variable)
  for (const { executionId, name, version } of stored.tombstones) drafts.get(executionId)?.tombstones.set(name, version)
  for (const [id, { present }] of drafts) {
    if (!whole.has(id)) continue
    for (const [name, variable] of await lockVariables(tx, id)) present.set(name, variable)
  }
  return drafts
}

function notThere(id: ExecutionId): LockedExecution {
  const counters = { revision: 0, eventSeq: 0, variableCount: 0, variableBytes: 0, historyCount: 0 }
  const known = { writtenBy: '', seq: 0, count: 0, server: '' }
  return { id, status: 'running', ...counters, declared: new Set(), known, transaction: '', isDrifted: false }
}
