import type { ExecutionId } from '../core/ids.js'
import type { JsonObject, JsonValue } from '../core/json.js'
import type { Sql } from '../db/database.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { variableLocation } from '../sealing/location.js'
import { MASK } from '../sealing/mask.js'
import { opened, type Sensitive, type SensitiveFault, withSensitive } from '../sealing/sensitive.js'
import type { TaskKey } from '../tasks/record.js'
import type { StepValue } from '../template/index.js'
import { type Draft, emptyDraft, type LockedExecution, newDraft } from './draft.js'
import { keepTask, loadWaits } from './load-waits.js'
import {
  claimIdempotencyKey,
  countVariables,
  createExecutions,
  type KeyClaim,
  type LoadedValue,
  loadAllValues,
  loadValues,
  lockAllVariables,
  lockExecutions,
  lockVariables,
  type Stored,
  type VariableKey,
} from './lock-store.js'
import { keyOf } from './record.js'
import { inheritedSteps, loadFinishedSteps } from './result-store.js'
import { hiddenOf, stepValue } from './run.js'
import { loadBranches, loadTasks } from './run-store.js'

/** What a work wants to find in its draft. */
export interface Needs {
  /** Variables that it may write: their rows are locked, and loaded with their tombstones. `all`: those that there are, which takes a transaction of its own. */
  readonly written?: Iterable<string> | 'all'
  /** Variables whose values it may read. */
  readonly vars?: Iterable<string> | 'all'
  /** Steps whose latest results it may read. */
  readonly steps?: Iterable<string>
  /** A task, with its run, and the iterator's visit where that is an iteration. */
  readonly task?: TaskKey
  /** Of the execution's row also what never changes. */
  readonly isWhole?: boolean
  /** What never changes, where the caller has it: results that a rerun goes on from, and what is sensitive. */
  readonly input?: { readonly inherited: JsonValue; readonly sensitive: Sensitive | null }
  /** `new`: the execution begins with this work. `unless there`: it does where it is not there. */
  readonly begins?: 'new' | 'unless there' | undefined
  /** The name that a space begins with. */
  readonly space?: string | undefined
  /** Open waits whose conditions read one of these variables, with all that they read. */
  readonly waits?: ReadonlySet<string>
  /** Where these steps join branches: visits that have not ended, and the latest of each of these steps. */
  readonly branches?: readonly string[]
  /** Variables of the playbook's space. */
  readonly globals?: GlobalsNeeds | null
  /** Variables of ancestors that may be written, the nearest first. */
  readonly ancestors?: readonly AncestorNeeds[]
  /** An idempotency key that must not be anybody else's; see `isKeyClaimed` of the draft. It takes a transaction of its own. */
  readonly claim?: KeyClaim
}

export interface AncestorNeeds {
  readonly executionId: ExecutionId
  readonly written: readonly string[]
}

/** `read`: those whose values templates may read; `written`: those that may be written, for which the space is locked. */
export interface GlobalsNeeds {
  readonly space: string
  readonly read: ReadonlySet<string> | 'all'
  readonly written: ReadonlySet<string>
}

export interface Wanted {
  readonly draft: Draft
  readonly needs: Needs
}

interface Request {
  readonly executionId: ExecutionId
  readonly needs: Needs
}

interface Opening {
  /** All requests are of one execution, which is waited for. */
  readonly isAlone: boolean
  readonly keyRing: KeyRing
}

/**
 * Locks executions and loads what is known to be needed of them, in one round trip. Those of which somebody else has locked the row or a
 * variable are left out, unless `isAlone`. Answers those, too, that did not exist and begin with a work.
 */
export async function openDrafts(tx: Sql, requests: readonly Request[], opening: Opening) {
  const { keyRing } = opening
  const drafts = await lockDrafts(
    tx,
    requests.filter(({ needs }) => needs.begins !== 'new'),
    opening,
  )
  for (const { executionId, needs } of requests) {
    if (needs.begins !== 'new') continue
    const draft = emptyDraft(executionId, keyRing)
    drafts.set(executionId, draft)
    if (needs.claim) draft.isKeyClaimed = await claimIdempotencyKey(tx, needs.claim)
  }
  const missing = requests.filter(({ executionId, needs }) => needs.begins === 'unless there' && !drafts.has(executionId))
  if (missing.length === 0) return { drafts, created: [] }
  const spaces = new Map(missing.map(({ executionId, needs }) => [executionId, needs.space ?? '']))
  const ids = [...spaces.keys()]
  // Also those that another transaction created meanwhile.
  const [created, more] = await Promise.all([
    createExecutions(tx, spaces),
    lockDrafts(
      tx,
      requests.filter(({ executionId }) => ids.includes(executionId)),
      opening,
    ),
  ])
  for (const [id, draft] of more) drafts.set(id, draft)
  for (const id of created) {
    const draft = drafts.get(id)
    if (draft) draft.isWhole = true
  }
  return { drafts, created }
}

async function lockDrafts(tx: Sql, requests: readonly Request[], opening: Opening): Promise<Map<ExecutionId, Draft>> {
  if (requests.length === 0) return new Map()
  const { isAlone, keyRing } = opening
  const ids = [...new Set(requests.map(({ executionId }) => executionId))]
  const keys = keysOf(requests.map(({ executionId, needs }) => [executionId, namesOf(needs.written)]))
  const wanted = requests.flatMap(({ needs: { task } }) => (task ? [task] : []))
  const isWhole = requests.some(({ needs }) => needs.isWhole === true)
  const [locked, stored, tasks] = await Promise.all([
    lockExecutions(tx, ids, { isAlone, isWhole }),
    lockVariables(tx, keys, isAlone),
    loadTasks(tx, wanted, keyRing),
  ])
  const mine = await mendCounters(
    tx,
    locked.filter(({ execution: { id } }) => !stored.busy.has(id)),
  )
  const drafts = new Map(mine.map((one) => [one.execution.id, newDraft(one, keyRing)]))
  keepWritten(stored, drafts)
  for (const { executionId, name } of keys) drafts.get(executionId)?.loaded.written.add(name)
  for (const work of tasks) {
    const draft = drafts.get(work.task.executionId)
    if (draft) await keepTask(tx, draft, work)
  }
  for (const { executionId, needs } of requests) {
    const draft = drafts.get(executionId)
    if (draft && needs.input) draft.sensitive ??= needs.input.sensitive
    if (draft && needs.written === 'all') keepWritten({ variables: await lockAllVariables(tx, executionId) }, drafts)
  }
  return drafts
}

/**
 * Loads more, of many executions at once, in one round trip; what is loaded already is left out. Variables that may be written are locked;
 * executions of which somebody else has locked one are answered, unless `isAlone`.
 */
export async function loadMore(tx: Sql, wanted: readonly Wanted[], isAlone: boolean): Promise<ReadonlySet<ExecutionId>> {
  if (wanted.length === 0) return NOBODY
  const drafts = new Map(wanted.map(({ draft }) => [draft.execution.id, draft]))
  const missing = (namesFor: (one: Wanted) => Iterable<string>) =>
    keysOf(wanted.map((one) => [one.draft.execution.id, namesFor(one)]))
  const written = missing(({ draft, needs }) => namesOf(needs.written, draft.loaded.written))
  for (const { executionId, name } of written) {
    const { loaded } = drafts.get(executionId) as Draft
    loaded.written.add(name)
    if (loaded.vars !== 'all') loaded.vars.add(name)
  }
  const whole = [...drafts.values()].filter(
    (draft) => draft.loaded.vars !== 'all' && wanted.some((one) => one.draft === draft && one.needs.vars === 'all'),
  )
  const read = missing(({ draft: { loaded }, needs }) => (loaded.vars === 'all' ? [] : namesOf(needs.vars, loaded.vars)))
  const steps = missing(({ draft, needs }) => namesOf(needs.steps, draft.loaded.steps))
  const [stored, values, all, finished] = await Promise.all([
    lockVariables(tx, written, isAlone),
    loadValues(tx, read),
    Promise.all(whole.map((draft) => loadAllValues(tx, draft.execution.id))),
    loadFinishedSteps(tx, steps),
  ])
  keepWritten(stored, drafts)
  keepRead([...stored.variables, ...values], drafts)
  for (const { executionId, name } of read) {
    const { vars } = (drafts.get(executionId) as Draft).loaded
    if (vars !== 'all') vars.add(name)
  }
  for (const [index, draft] of whole.entries()) {
    // What was loaded before may have changed here since.
    keepRead(
      (all[index] ?? []).filter(({ name }) => !Object.hasOwn(draft.vars, name)),
      drafts,
    )
    for (const { name, operation } of draft.changes) if (operation === 'delete') delete draft.vars[name]
    draft.loaded.vars = 'all'
  }
  for (const { executionId, name } of steps) {
    const draft = drafts.get(executionId) as Draft
    const input = wanted.find((one) => one.draft === draft)?.needs.input
    draft.steps = { ...inheritedSteps(input?.inherited ?? null, [name]), ...draft.steps }
    draft.loaded.steps.add(name)
  }
  for (const { executionId, step, visit, value, sealed, run } of finished) {
    const draft = drafts.get(executionId) as Draft
    if (visit < (draft.stepVisits.get(step) ?? 0)) continue
    draft.stepVisits.set(step, visit)
    draft.steps = { ...draft.steps, [step]: sealed === null ? value : openStep(draft, { step, run, sealed }) }
  }
  for (const { draft, needs } of wanted) {
    if (needs.waits) await loadWaits(tx, draft, needs.waits)
    if (needs.branches) await keepBranches(tx, draft, needs.branches)
  }
  return stored.busy
}

/** What works have changed since stays as it is. */
async function keepBranches(tx: Sql, draft: Draft, joins: readonly string[]): Promise<void> {
  const { loaded, runs, keyRing, origin, execution } = draft
  if (joins.length === 0 || loaded.branches) return
  const found = origin === null ? await loadBranches(tx, { executionId: execution.id, joins, keyRing }) : []
  for (const run of found) if (!runs.has(run.run)) runs.set(run.run, run)
  loaded.branches = true
}

const NOBODY: ReadonlySet<ExecutionId> = new Set()

type Drafts = ReadonlyMap<ExecutionId, Draft>

function keepWritten({ variables, tombstones = [] }: Pick<Stored, 'variables'> & Partial<Stored>, drafts: Drafts): void {
  for (const variable of variables) drafts.get(variable.executionId)?.present.set(variable.name, variable)
  for (const { executionId, name, version } of tombstones) drafts.get(executionId)?.tombstones.set(name, version)
}

/** Values for templates; of a sensitive one what the mask hides, and the draft remembers that it is. Each draft is copied once. */
function keepRead(values: readonly LoadedValue[], drafts: Drafts): void {
  const found = new Map<Draft, { readonly vars: JsonObject; readonly sensitive: SensitiveFault[] }>()
  for (const { executionId, name, value, sealed, revision } of values) {
    const draft = drafts.get(executionId) as Draft
    const kept = found.get(draft) ?? { vars: { ...draft.vars }, sensitive: [] }
    found.set(draft, kept)
    kept.vars[name] = value
    if (sealed === null) continue
    const { value: plain, fault } = opened(() => draft.keyRing.open(sealed, variableLocation(executionId, name, revision)))
    kept.vars[name] = plain
    kept.sensitive.push({ kind: 'vars', name, fault })
  }
  for (const [draft, { vars, sensitive }] of found) {
    draft.vars = vars
    draft.sensitive = withSensitive(draft.sensitive, sensitive)
  }
}

function openStep(draft: Draft, { step, run, sealed }: { step: string; run: number; sealed: string }): StepValue {
  const place = { executionId: draft.execution.id, run }
  const { value, fault } = opened(() => {
    const { result, envelope } = hiddenOf(sealed, place, draft.keyRing)
    return { result, envelope }
  })
  draft.sensitive = withSensitive(draft.sensitive, [{ kind: 'steps', name: step, fault }])
  return value === MASK ? stepValue(MASK, null) : stepValue(value.result, value.envelope)
}

/** Puts the counters of executions right whose variables somebody has inserted or deleted by SQL. */
async function mendCounters(
  tx: Sql,
  locked: readonly (LockedExecution & { readonly isDrifted: boolean })[],
): Promise<readonly LockedExecution[]> {
  const drifted = locked.filter(({ isDrifted }) => isDrifted).map(({ execution: { id } }) => id)
  if (drifted.length === 0) return locked
  const totals = await countVariables(tx, drifted)
  return locked.map((one) => ({ ...one, execution: { ...one.execution, ...totals.get(one.execution.id) } }))
}

function namesOf(names: Iterable<string> | 'all' | undefined, known?: ReadonlySet<string>): string[] {
  if (names === undefined || names === 'all') return []
  return known === undefined ? [...names] : [...names].filter((name) => !known.has(name))
}

/** Each once. */
function keysOf(named: readonly (readonly [ExecutionId, Iterable<string>])[]): VariableKey[] {
  const keys = new Map<string, VariableKey>()
  for (const [executionId, names] of named) for (const name of names) keys.set(keyOf(executionId, name), { executionId, name })
  return [...keys.values()]
}
