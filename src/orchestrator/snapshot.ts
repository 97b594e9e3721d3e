import type { JsonObject } from '../core/json.js'
import type { Sql } from '../db/database.js'
import type { ExecutionRecord } from '../executions/record.js'
import type { Playbook } from '../playbook/model.js'
import type { TaskRecord } from '../tasks/record.js'
import type { Backstop } from '../template/index.js'
import { loadValues } from '../variables/values-store.js'
import { EVERYTHING, type Needs, needsOf, type Phase } from './needs.js'
import { inheritedSteps, loadIterationResults, loadSteps } from './result-store.js'
import { countLiveVisits, loadRunAndParent } from './run-store.js'
import type { Snapshot } from './types.js'

export interface SnapshotRequest {
  readonly execution: ExecutionRecord
  readonly playbook: Playbook
  readonly task: TaskRecord
  readonly phase: Phase
  readonly env: JsonObject
  readonly backstop: Backstop
  /** Load every variable and result, also those that no template names: for the suggestions of an error message. */
  readonly isComplete: boolean
}

/** Reads everything that a decision may look at, inside the transaction that holds the execution's lock. */
export async function loadSnapshot(tx: Sql, request: SnapshotRequest): Promise<Snapshot | null> {
  const { execution, playbook, task, phase } = request
  const found = await loadRunAndParent(tx, execution.id, task.run)
  if (!found) return null
  const { run, parent } = found
  const step = playbook.steps.find((candidate) => candidate.name === run.step)
  if (!step) return null
  const needs: Needs = request.isComplete ? EVERYTHING : needsOf(playbook, step, phase)
  const stepNames = playbook.steps.map((entry) => entry.name)
  const wanted = needs.steps === 'all' ? stepNames : stepNames.filter((name) => needs.steps !== 'all' && needs.steps.has(name))
  return {
    playbook,
    step,
    execution,
    task,
    run,
    parent,
    vars: await loadValues(tx, execution.id, needs.vars === 'all' ? null : [...needs.vars]),
    workload: (execution.workload ?? {}) as JsonObject,
    payload: (execution.payload ?? {}) as JsonObject,
    env: request.env,
    backstop: request.backstop,
    steps: { ...inheritedSteps(execution.inherited, wanted), ...(await loadSteps(tx, execution.id, wanted)) },
    otherLiveVisits: run.iteration === null ? await countLiveVisits(tx, execution.id, run.run) : 0,
    iterations: task.kind === 'join' ? await loadIterationResults(tx, execution.id, run.run) : [],
  }
}
