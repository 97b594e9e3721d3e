import { isTransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import type { Transaction } from '../db/database.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { type Draft, emptyDraft } from './draft.js'
import { flush } from './flush.js'
import type { Outcome } from './group.js'
import { type Needs, openDrafts, type Wanted } from './load.js'
import { loadWithOthers, type Others } from './load-others.js'
import { removeExecutions } from './lock-store.js'
import type { Outbox } from './outbox.js'
import type { Waits } from './waits.js'

/** How long works may be carried out without giving way to others. */
const TURN_MS = 10
/** Beyond that the rest of a batch gets a transaction of its own: all that is locked here waits meanwhile. */
const BATCH_MS = 250

/** What is carried out on the draft of an execution. */
export interface Work<T> {
  readonly executionId: ExecutionId
  readonly needs: Needs
  /** What else it is likely to need, as far as what was loaded first tells. */
  readonly foresee?: (draft: Draft) => Needs
  /**
   * Pure and synchronous: it changes the draft, and nothing else, or throws a TransientError and changes nothing. It may be carried out again, over
   * another draft. A generator yields what it finds that it needs, too. `began`: by `performance.now()`, when its transaction's works began.
   */
  work(draft: Draft, began: number): T | Generator<Needs, T, void>
}

type Request = Work<unknown>

/** Thrown by a work that is to be carried out again, apart from the others: all that its transaction did is rolled back. */
export class TryAgain extends Error {
  /** What is done before that. */
  readonly before: (() => Promise<unknown>) | null

  constructor(before: (() => Promise<unknown>) | null = null) {
    super()
    this.before = before
  }
}

interface Carrying {
  /** All works are of one execution, which is waited for. */
  readonly isAlone: boolean
  readonly keyRing: KeyRing
  readonly outbox: Outbox
  readonly waits: Waits | undefined
}

/** Lock, load, carry out, write. What takes long is left to a transaction of its own. */
export async function carryOut(tx: Transaction, requests: readonly Request[], { isAlone, keyRing, outbox, waits }: Carrying) {
  const isSlow = ({ needs }: Request) => !isAlone && (needs.written === 'all' || needs.claim !== undefined)
  const late = new Set(requests.filter(isSlow).map(({ executionId }) => executionId))
  const timely = requests.filter(({ executionId }) => !late.has(executionId))
  const { drafts, created } = await openDrafts(tx, timely, { isAlone, keyRing })
  const wanted = requests.flatMap(({ executionId, foresee }) => {
    const draft = drafts.get(executionId)
    return draft && foresee ? [{ draft, needs: foresee(draft) }] : []
  })
  const others: Others = { drafts: new Map(), created: [] }
  const more = (needs: readonly Wanted[]) => {
    // One that is also an execution of this transaction would have two drafts.
    const twice = needs.filter((one) => one.needs.ancestors?.some(({ executionId }) => drafts.has(executionId)))
    const rest = needs.filter((one) => !twice.includes(one))
    const isLate = twice.map(({ draft }) => draft.execution.id)
    return loadWithOthers(tx, rest, { isAlone, keyRing, others }).then((busy) => new Set([...busy, ...isLate]))
  }
  for (const id of await more(wanted)) drafts.delete(id)
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
    answers.push(!draft || draft.endings.length > 0 || isLate ? 'busy' : await attempt({ request, draft, began, more, waits }))
  }
  for (const id of isAlone ? [] : withLongHistory(drafts, others)) {
    drafts.delete(id)
    for (const [index, { executionId }] of requests.entries()) if (executionId === id) answers[index] = 'busy'
  }
  for (const [id, draft] of others.drafts) drafts.set(id, draft)
  const { settled } = await flush(tx, [...drafts.values()], outbox)
  const unused = [...created, ...others.created].filter((id) => (drafts.get(id)?.changes.length ?? 0) === 0)
  if (unused.length > 0) removeExecutions(tx, unused)
  for (const id of unused) drafts.delete(id)
  return { answers, settled, drafts: [...drafts.values()] }
}

/**
 * Executions that must be alone in their transaction, as a variable becomes sensitive and its whole history is rewritten: theirs, or one of
 * those that they write to. These are left out, too.
 */
function withLongHistory(drafts: ReadonlyMap<ExecutionId, Draft>, others: Others): ExecutionId[] {
  const isLong = ({ changes }: Draft) => changes.some((change) => change.isBecomingSensitive)
  const left = new Set([...drafts.values(), ...others.drafts.values()].filter(isLong))
  // What they have written to others, or others to them, was written for nothing.
  for (let before = -1; before < left.size; ) {
    before = left.size
    for (const draft of drafts.values()) {
      const group = [draft, ...othersOf(draft)]
      if (group.some((one) => left.has(one))) for (const one of group) left.add(one)
    }
  }
  for (const { execution } of left) others.drafts.delete(execution.id)
  return [...drafts.values()].filter((draft) => left.has(draft)).map(({ execution }) => execution.id)
}

function othersOf({ space, ancestors }: Draft): Draft[] {
  return [space, ...ancestors.values()].filter((draft) => draft !== null)
}

interface Attempt {
  readonly request: Request
  readonly draft: Draft
  readonly began: number
  readonly more: (needs: readonly Wanted[]) => Promise<ReadonlySet<ExecutionId>>
  readonly waits: Waits | undefined
}

async function attempt({ request, draft, began, more, waits }: Attempt): Promise<Outcome<unknown>> {
  let value: unknown
  try {
    const made = request.work(draft, began)
    value = isGenerator(made) ? await driven(made, draft, more) : made
  } catch (error) {
    if (isTransientError(error) && error.code !== 'OVERLOADED') return { error }
    throw error
  }
  // What goes wrong from here on would leave half of it.
  for (const changed of [draft, ...othersOf(draft)]) {
    if (waits && hasUnseenChanges(changed)) await driven(waits.settle(changed, began), changed, more)
  }
  return { value }
}

/** Whether a condition that something waits for may hold now, or may have held in between. */
function hasUnseenChanges({ execution, waits, changes }: Draft): boolean {
  return execution.openWaits > 0 && waits.seen < changes.length
}

async function driven<T>(made: Generator<Needs, T, void>, draft: Draft, more: Attempt['more']): Promise<T> {
  for (let next = made.next(); ; next = made.next()) {
    if (next.done) return next.value
    // Where a variable that nobody foresaw is another transaction's, each execution is waited for alone.
    if ((await more([{ draft, needs: next.value }])).size > 0) throw new TryAgain()
  }
}

/** Whether a work asks for more while it runs. */
export function isGenerator(made: unknown): made is Generator<Needs, unknown, void> {
  return Object.prototype.toString.call(made) === '[object Generator]'
}
