import type { ExecutionId } from '../../core/ids.js'
import type { JsonObject } from '../../core/json.js'
import type { Sql } from '../../db/database.js'
import { variableLocation } from '../../sealing/location.js'
import { MASK } from '../../sealing/mask.js'
import type { StepValue } from '../../template/index.js'
import { type LoadedValue, loadValues, loadValuesOf } from '../../variables/read/values-store.js'
import { countVariables, lockVariablesOf, type VariableKey } from '../../variables/write/load-store.js'
import { stepValue } from '../decide/context.js'
import type { Reach } from '../decide/needs.js'
import { opened, type SensitiveFault, withSensitive } from '../decide/sensitive.js'
import type { Draft } from './draft.js'
import { inheritedSteps, loadFinishedSteps } from './result-store.js'
import { hiddenOf } from './sealed-run.js'

/** Something that a draft needs before a decision can be made. */
export interface Wanted {
  readonly draft: Draft
  readonly reach: Reach
}

/**
 * Loads the variables and results that decisions may look at, of many executions at once; what is loaded already is left out. Those that may be
 * written are locked; unless `isAlone`, executions of which somebody else has locked one are answered.
 */
export async function loadReach(tx: Sql, wanted: readonly Wanted[], isAlone: boolean): Promise<ReadonlySet<ExecutionId>> {
  const byId = new Map(wanted.map(({ draft }) => [draft.execution.id, draft]))
  const draftOf = (id: string): Draft => byId.get(id) as Draft
  const written = keysOf(wanted, ({ draft, reach }) => missing(draft.loaded.written, reach.written))
  const busy = await loadWritten(tx, { keys: written, draftOf, isAlone })
  await loadRead(tx, wanted, draftOf)
  await loadSteps(tx, wanted, draftOf)
  return busy
}

/** Puts the counters of drafts right whose variables somebody has inserted or deleted by SQL. */
export async function loadTotals(tx: Sql, drafts: readonly Draft[]): Promise<void> {
  if (drafts.length === 0) return
  const totals = await countVariables(
    tx,
    drafts.map(({ execution }) => execution.id),
  )
  for (const draft of drafts) draft.execution = { ...draft.execution, ...totals.get(draft.execution.id) }
}

type DraftOf = (id: string) => Draft

interface Writing {
  readonly keys: readonly VariableKey[]
  readonly draftOf: DraftOf
  readonly isAlone: boolean
}

async function loadWritten(tx: Sql, { keys, draftOf, isAlone }: Writing): Promise<ReadonlySet<ExecutionId>> {
  const { variables, tombstones, busy } = await lockVariablesOf(tx, keys, isAlone)
  for (const variable of variables) draftOf(variable.executionId).variables.present.set(variable.name, variable)
  keepRead(variables, draftOf)
  for (const { executionId, name, version } of tombstones) draftOf(executionId).variables.tombstones.set(name, version)
  for (const { executionId, name } of keys) {
    const { loaded } = draftOf(executionId)
    loaded.written.add(name)
    if (loaded.vars !== 'all') loaded.vars.add(name)
  }
  return busy
}

async function loadRead(tx: Sql, wanted: readonly Wanted[], draftOf: DraftOf): Promise<void> {
  for (const { draft, reach } of wanted) {
    if (reach.vars !== 'all' || draft.loaded.vars === 'all') continue
    // What was loaded before may have changed here since.
    const values = await loadValues(tx, draft.execution.id)
    keepRead(
      values.filter(({ name }) => !Object.hasOwn(draft.vars, name)),
      () => draft,
    )
    for (const { name, operation } of draft.variables.changes) if (operation === 'delete') delete draft.vars[name]
    draft.loaded.vars = 'all'
  }
  const keys = keysOf(wanted, ({ draft: { loaded }, reach }) =>
    loaded.vars === 'all' || reach.vars === 'all' ? [] : missing(loaded.vars, reach.vars),
  )
  keepRead(await loadValuesOf(tx, keys), draftOf)
  for (const { executionId, name } of keys) {
    const { vars } = draftOf(executionId).loaded
    if (vars !== 'all') vars.add(name)
  }
}

/** Values for templates; of a sensitive one what the mask hides, and the draft remembers that it is. Each draft is copied once. */
function keepRead(values: readonly LoadedValue[], draftOf: DraftOf): void {
  const found = new Map<Draft, { readonly vars: JsonObject; readonly sensitive: SensitiveFault[] }>()
  for (const { executionId, name, value, sealed, revision } of values) {
    const draft = draftOf(executionId)
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

async function loadSteps(tx: Sql, wanted: readonly Wanted[], draftOf: DraftOf): Promise<void> {
  const keys = keysOf(wanted, ({ draft: { loaded, playbook }, reach }) => {
    if (loaded.steps === 'all') return []
    const names = playbook.steps.map((step) => step.name)
    const { steps } = reach
    return missing(loaded.steps, new Set(steps === 'all' ? names : names.filter((name) => steps.has(name))))
  })
  for (const { executionId, name } of keys) {
    const draft = draftOf(executionId)
    draft.steps = { ...inheritedSteps(draft.execution.inherited, [name]), ...draft.steps }
    if (draft.loaded.steps !== 'all') draft.loaded.steps.add(name)
  }
  for (const { executionId, step, visit, value, sealed, run } of await loadFinishedSteps(tx, keys)) {
    const draft = draftOf(executionId)
    if (visit < (draft.stepVisits.get(step) ?? 0)) continue
    draft.stepVisits.set(step, visit)
    draft.steps = { ...draft.steps, [step]: sealed === null ? value : openStep(draft, { step, run, sealed }) }
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

function missing(loaded: ReadonlySet<string>, names: ReadonlySet<string>): string[] {
  return [...names].filter((name) => !loaded.has(name))
}

/** In the order of executions and names, each once. */
function keysOf(wanted: readonly Wanted[], namesOf: (one: Wanted) => readonly string[]): VariableKey[] {
  const keys = new Map<string, VariableKey>()
  for (const one of wanted) {
    const executionId = one.draft.execution.id
    for (const name of namesOf(one)) keys.set(`${executionId} ${name}`, { executionId, name })
  }
  return [...keys.values()]
}
