import type { ExecutionId } from '../../core/ids.js'
import type { Database } from '../../db/database.js'
import { keyOf } from '../key.js'
import type { WriteOutcome, WriteRequest } from '../requests.js'
import { writeGuarded } from './change-store.js'
import type { Memory, RememberedDraft } from './memory.js'
import { changesOf, type Folding, foldInto, type WriteAnswer } from './write-draft.js'

/** An item of a batch: what is asked for, and who asked. */
interface Asked {
  readonly request: WriteRequest
}

/** Change sets of one execution, folded over what is remembered of it. */
export interface Folded<Item extends Asked> {
  readonly draft: RememberedDraft
  readonly answers: readonly { readonly item: Item; readonly answer: WriteAnswer }[]
}

/**
 * Folds those change sets whose executions are remembered with all that they need. Those that change nothing, or not all that they
 * name, are left with the others: what they are told is not in the rows that come back.
 */
export function foldRemembered<Item extends Asked>(memory: Memory, items: readonly Item[], folding: Folding) {
  const folded: Folded<Item>[] = []
  const others: Item[] = []
  for (const [executionId, group] of byExecution(items)) {
    const draft = memory.take(
      executionId,
      group.flatMap(({ request }) => request.writes),
    )
    const answers = draft && group.map((item) => ({ item, answer: foldInto(draft, item.request, folding) }))
    if (draft && answers && draft.changes.length > 0 && answers.every(isOfTheRow)) folded.push({ draft, answers })
    else others.push(...group)
  }
  return { folded, others }
}

/** What came of a guarded write: hints are for executions that were written; `stale` is to be done again, over what PostgreSQL has. */
export interface GuardedResult<Item extends Asked> {
  readonly written: readonly Folded<Item>[]
  readonly stale: readonly Item[]
}

/**
 * Writes what was folded, in one statement that leaves out executions that somebody holds, or has written meanwhile.
 * @throws an error that `isUndecided` when it may have been written; after any other nothing was
 */
export async function writeFolded<Item extends Asked>(
  db: Database,
  { folded, memory, keyRing }: Pick<Folding, 'keyRing'> & { readonly folded: readonly Folded<Item>[]; readonly memory: Memory },
): Promise<GuardedResult<Item>> {
  const drafts = folded.map(({ draft }) => draft)
  const rows = await writeGuarded(db, changesOf(drafts, keyRing))
  const counts = new Map(rows.map((row) => [keyOf(String(row.execution_id), row.name), row.access_count]))
  const transactions = new Map(rows.map((row) => [String(row.execution_id), row.transaction]))
  const written: Folded<Item>[] = []
  const stale: Item[] = []
  for (const one of folded) {
    const { id } = one.draft.execution
    const transaction = transactions.get(id)
    if (transaction === undefined) {
      memory.miss(id)
      stale.push(...one.answers.map(({ item }) => item))
      continue
    }
    written.push({ ...one, answers: one.answers.map(({ item, answer }) => ({ item, answer: counted(answer, counts) })) })
    memory.putBack(one.draft, transaction)
  }
  return { written, stale }
}

function isOfTheRow({ answer }: { readonly answer: WriteAnswer }): boolean {
  return 'error' in answer || answer.result.outcomes.every((outcome) => outcome.isChanged)
}

function byExecution<Item extends Asked>(items: readonly Item[]): Map<ExecutionId, Item[]> {
  const groups = new Map<ExecutionId, Item[]>()
  for (const item of items) {
    const group = groups.get(item.request.executionId)
    if (group) group.push(item)
    else groups.set(item.request.executionId, [item])
  }
  return groups
}

/** Reads are counted behind the writes' back: how many, the rows know. */
function counted(answer: WriteAnswer, counts: ReadonlyMap<string, number>): WriteAnswer {
  if ('error' in answer) return answer
  const outcomes = answer.result.outcomes.map((outcome): WriteOutcome => {
    const { variable } = outcome
    const accessCount = variable && counts.get(keyOf(variable.executionId, variable.name))
    if (!variable || accessCount == null || accessCount === variable.accessCount) return outcome
    return { ...outcome, variable: { ...variable, accessCount } }
  })
  return { result: { ...answer.result, outcomes } }
}
