import type { Sql } from '../db/database.js'
import { type Draft, taskKeyText } from './draft.js'
import { loadValues } from './lock-store.js'
import { loadIterationResults } from './result-store.js'
import type { RunState } from './run.js'
import { type LoadedWork, loadTasks } from './run-store.js'
import { listWaits } from './wait-store.js'

/** Keeps a task that was loaded, with its run. What works have changed since stays as it is. */
export async function keepTask(tx: Sql, draft: Draft, { liveVisits, run, parent, ...loaded }: LoadedWork): Promise<void> {
  if (!draft.loaded.visits) draft.liveVisits += liveVisits
  draft.loaded.visits = true
  for (const one of [run, parent]) if (one && !draft.runs.has(one.run)) draft.runs.set(one.run, one)
  draft.loadedTasks.set(taskKeyText(loaded.task), loaded)
  draft.tasks.set(taskKeyText(loaded.task), loaded.task)
  if (loaded.task.kind === 'join') draft.iterations.set(run.run, await loadIterationResults(tx, run, draft.keyRing))
}

/** Runs of a draft that wait for a condition which reads one of these variables. */
export function waitingRuns({ tasks, runs }: Draft, names: ReadonlySet<string>): RunState[] {
  return [...tasks.values()].flatMap(({ kind, status, run }) => {
    const state = kind === 'wait' && status === 'waiting' ? runs.get(run) : undefined
    return state?.wait?.reads.some((name) => names.has(name)) ? [state] : []
  })
}

/** Loads the open waits whose conditions read one of these variables, and what else these read, as it was before this transaction. */
export async function loadWaits(tx: Sql, draft: Draft, names: ReadonlySet<string>): Promise<void> {
  const { id } = draft.execution
  const found = draft.origin === null ? await listWaits(tx, id, [...names]) : []
  const missing = found.filter((key) => !draft.tasks.has(taskKeyText(key)))
  for (const work of await loadTasks(tx, missing, draft.keyRing)) await keepTask(tx, draft, work)
  const { values } = draft.waits
  const reads = new Set(waitingRuns(draft, names).flatMap(({ wait }) => wait?.reads ?? []))
  const unknown = [...reads].filter((name) => !values.has(name))
  for (const name of unknown) values.set(name, null)
  const stored = await loadValues(
    tx,
    unknown.map((name) => ({ executionId: id, name })),
  )
  for (const { name, value, sealed, revision } of stored) values.set(name, { value, sealed, revision })
}
