import { LRUCache } from 'lru-cache'
import { TryAgain } from '../../commit/carry-out.js'
import { type Draft, type StoredValue, taskKeyText } from '../../commit/draft.js'
import type { FoldedChange } from '../../commit/fold.js'
import type { Needs } from '../../commit/load.js'
import { waitingRuns } from '../../commit/load-waits.js'
import type { RunState } from '../../commit/run.js'
import type { Waits } from '../../commit/waits.js'
import type { TransientError } from '../../core/errors.js'
import type { ExecutionId } from '../../core/ids.js'
import { asStored, type JsonObject } from '../../core/json.js'
import { isUnderWay } from '../../core/status.js'
import { isMissingKey } from '../../sealing/key-ring.js'
import { variableLocation } from '../../sealing/location.js'
import { opened, type SensitiveFault, withSensitive } from '../../sealing/sensitive.js'
import type { TaskRecord } from '../../tasks/record.js'
import { noteFault } from '../../tasks/store.js'
import { type AdvanceDependencies, type Advancing, advance, snapshotOf } from '../advance/advance.js'
import { needsOf } from '../advance/foresee.js'
import { keepValues } from '../advance/keep-values.js'
import { giveUp, isGivenUp } from '../decide/give-up.js'
import { reachOf } from '../decide/needs.js'
import { asStepFault } from '../decide/vars.js'
import { failedWait, holds, matchedWait } from '../decide/wait.js'
import type { OrchestratorDependencies } from '../dependencies.js'
import type { ExecutionLookup, KnownExecution } from '../run/lookup.js'

interface SettleDependencies extends AdvanceDependencies, Pick<OrchestratorDependencies, 'db' | 'keyRing'> {
  readonly lookup: ExecutionLookup
}

/** A wait that is over: at which revision its condition held, or why that cannot be told. */
interface Match {
  readonly run: RunState
  readonly revision: number
  readonly error: TransientError | null
}

const MAX_UNKNOWN = 1000

/**
 * Ends waits in the transaction that fulfils them. Conditions are looked at revision by revision, also where several share the transaction, so that
 * one that held for a single revision counts; what follows from the end of a wait may end others.
 */
export function createSettle(deps: SettleDependencies): Waits['settle'] {
  /** Executions whose playbook cannot be read any more: they go on without their waits. */
  const unknown = new LRUCache<ExecutionId, true>({ max: MAX_UNKNOWN })

  return function* settle(draft, began) {
    const { id } = draft.execution
    const known = deps.lookup.peek(id)
    if (!known) {
      if (unknown.has(id)) return
      throw new TryAgain(() =>
        deps.lookup.of(id).then(
          (found) => found ?? unknown.set(id, true),
          () => unknown.set(id, true),
        ),
      )
    }
    const around = { ...known, env: deps.env, evaluationLimits: { elapsedMs: deps.elapsedMs ?? systemMs, isLastTry: true } }
    const advancing: Advancing = { deps, draft, known, around, until: began + deps.chain.ms }
    const { waits } = draft
    draft.sensitive = withWorkload(draft, known)
    while (isUnderWay(draft.execution.status) && draft.execution.openWaits > 0 && waits.seen < draft.changes.length) {
      const unseen = draft.changes.slice(waits.seen)
      waits.seen = draft.changes.length
      keepChanges(draft, unseen)
      const names = new Set(unseen.map(({ name }) => name))
      yield { waits: names }
      for (const match of matchesOf(advancing, unseen)) yield* end(deps, advancing, match)
    }
  }
}

const systemMs = () => performance.now()

function withWorkload({ sensitive }: Draft, known: KnownExecution) {
  const names = [...(known.sensitive?.workload ?? [])].map((name) => ({ kind: 'workload', name }) as const)
  return sensitive === null ? known.sensitive : withSensitive(sensitive, names)
}

/** What templates read from now on; a write over the API has changed only rows. */
function keepChanges(draft: Draft, changes: readonly FoldedChange[]): void {
  keepValues(draft, changes)
  for (const { name } of changes) {
    draft.loaded.written.add(name)
    if (draft.loaded.vars !== 'all') draft.loaded.vars.add(name)
  }
}

/** Of the open waits those whose condition held after one of these revisions, each with the first. */
function matchesOf({ draft, around }: Advancing, unseen: readonly FoldedChange[]): Match[] {
  const found = new Map<number, Match>()
  const withdrawn = new Set(draft.endings.map(({ parentRun }) => parentRun))
  const open = waitingRuns(draft, new Set(unseen.map(({ name }) => name)))
  if (open.length === 0) return []
  for (const [revision, names] of namesByRevision(unseen)) {
    const waiting = open.filter(
      ({ run, parentRun, wait }) =>
        !found.has(run) &&
        wait !== null &&
        wait.revision < revision &&
        wait.reads.some((name) => names.has(name)) &&
        (parentRun === null || !withdrawn.has(parentRun)),
    )
    if (waiting.length === 0) continue
    const then = variablesAt(draft, revision)
    for (const run of waiting) {
      const task = taskOf(draft, run)
      const snapshot = task && snapshotOf(draft, task, around)
      const until = snapshot?.step.wait?.until
      if (!snapshot || until == null) continue
      const error = evaluated(() => holds({ ...snapshot, ...then }, until))
      if (error !== false) found.set(run.run, { run, revision, error: error === true ? null : error })
    }
  }
  return [...found.values()]
}

function namesByRevision(changes: readonly FoldedChange[]): Map<number, Set<string>> {
  const names = new Map<number, Set<string>>()
  for (const { revision, name } of changes) names.set(revision, (names.get(revision) ?? new Set()).add(name))
  return names
}

function evaluated(evaluate: () => boolean): boolean | TransientError {
  try {
    return evaluate()
  } catch (error) {
    return asStepFault(error)
  }
}

/** What conditions read, as it stood after a revision. */
function variablesAt({ waits, changes, execution: { id }, keyRing, sensitive }: Draft, revision: number) {
  const values = new Map<string, StoredValue | null>(waits.values)
  for (const change of changes) {
    if (change.revision > revision) break
    if (values.has(change.name)) values.set(change.name, change.operation === 'delete' ? null : change)
  }
  const vars: JsonObject = {}
  const secret: SensitiveFault[] = []
  for (const [name, stored] of values) {
    if (stored === null) continue
    const { sealed } = stored
    if (sealed === null) {
      vars[name] = asStored(stored.value)
      continue
    }
    const { value, fault } = opened(() => keyRing.open(sealed, variableLocation(id, name, stored.revision)))
    vars[name] = asStored(value)
    secret.push({ kind: 'vars', name, fault })
  }
  return { vars, sensitive: withSensitive(sensitive, secret) }
}

function taskOf({ tasks }: Draft, { run, attempts: attempt }: RunState): TaskRecord | undefined {
  const task = tasks.get(taskKeyText({ run, attempt }))
  return task?.kind === 'wait' && task.status === 'waiting' ? task : undefined
}

/** One that was ended, or withdrawn, by the end of another stays as it is. */
function* end(deps: SettleDependencies, advancing: Advancing, match: Match): Generator<Needs, void, void> {
  const { draft, known } = advancing
  const { clock, limits } = deps
  const task = taskOf(draft, match.run)
  const step = known.playbook.steps.find(({ name }) => name === match.run.step)
  const isWithdrawn = draft.endings.some(({ parentRun }) => parentRun === null || parentRun === match.run.parentRun)
  if (!task || !step || isWithdrawn || !isUnderWay(draft.execution.status)) return
  const key = taskKeyText(task)
  const isVirtual = draft.openedWaits.get(key)?.isVirtual === true
  draft.openedWaits.delete(key)
  try {
    yield needsOf(known, reachOf(known.playbook, step, 'end'))
    yield* advance(advancing, task, {
      log: null,
      isVirtual,
      decide: (snapshot, rejection) => {
        const request = { snapshot, limits, rejection, now: clock.now() }
        if (isMissingKey(snapshot.run.fault)) throw snapshot.run.fault
        if (isGivenUp(snapshot)) return giveUp(request)
        return match.error ? failedWait(request, match.error) : matchedWait(request, match.revision)
      },
    })
    if (isVirtual) draft.tasks.set(key, { ...task, status: 'done' })
  } catch (error) {
    if (error instanceof TryAgain) throw error
    // Of what cannot be decided the task keeps count, so that it does not stop all writes for ever.
    throw new TryAgain(() => noteFault(deps.db, task))
  }
}
