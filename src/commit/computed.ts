import { isTransientError, TransientError } from '../core/errors.js'
import type { JsonObject, JsonValue } from '../core/json.js'
import type { ComputedVariable } from '../playbook/model.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { variableLocation } from '../sealing/location.js'
import { type Sensitive, unreadableOf } from '../sealing/sensitive.js'
import { createBudget, createContext, type EvaluationLimits, renderTree, sensitiveReads } from '../template/index.js'
import { storableValue, type VariableRecord, type VariableWrite } from './record.js'

/** The computed variables of an execution's playbook, and what else their expressions read; it does not change while the execution runs. */
export interface Computing {
  /** Each after those that it depends on. */
  readonly variables: readonly ComputedVariable[]
  readonly workload: JsonObject
  /** What of the workload is sensitive. */
  readonly sensitive: Sensitive | null
  readonly job: JsonObject
}

/** A change set as far as it is folded. */
export interface Computation {
  readonly executionId: string
  /** Whether the execution has no revision yet. */
  readonly isFirst: boolean
  /** Variables that the change set has changed so far; each computed one that differs is to be added. */
  readonly changed: { has(name: string): boolean }
  /** A variable as it stands after these changes, behind its mask. @throws TransientError INTERNAL where its key is missing */
  readonly find: (name: string) => { readonly value: JsonValue; readonly isSensitive: boolean } | null
}

const NONE: ReadonlySet<string> = new Set()
const SYSTEM_CLOCK = { elapsedMs: () => performance.now(), isLastTry: true }

/** What depends on each variable, directly. */
const dependents = new WeakMap<readonly ComputedVariable[], ReadonlyMap<string, readonly ComputedVariable[]>>()

function dependentsOf(variables: readonly ComputedVariable[]): ReadonlyMap<string, readonly ComputedVariable[]> {
  const known = dependents.get(variables)
  if (known) return known
  const found = new Map<string, ComputedVariable[]>()
  for (const variable of variables) {
    for (const name of variable.dependsOn) found.set(name, [...(found.get(name) ?? []), variable])
  }
  dependents.set(variables, found)
  return found
}

/** Names that must be locked and loaded where these are written: the computed variables that may follow, and all that these read. */
export function computedReach(variables: readonly ComputedVariable[], written: Iterable<string>): Set<string> {
  const reached = new Set<string>()
  if (variables.length === 0) return reached
  const byName = dependentsOf(variables)
  const followers = new Set<ComputedVariable>()
  const visit = (name: string) => {
    for (const follower of byName.get(name) ?? []) {
      if (followers.has(follower)) continue
      followers.add(follower)
      visit(follower.name)
    }
  }
  for (const name of written) visit(name)
  for (const { name, dependsOn } of followers) for (const one of [name, ...dependsOn]) reached.add(one)
  return reached
}

/**
 * The writes of computed variables that follow from a change set, in topological order: of those alone that depend on what really changed, and before
 * the first revision of those that read no variable. Pure; `changed` is looked at anew before each.
 * @throws TransientError COMPUTED_FAILED with name, line and column; INTERNAL where the key of something sensitive is missing
 */
export function* computedWrites(computing: Computing, computation: Computation): Generator<VariableWrite, void, void> {
  const limits: EvaluationLimits = { ...SYSTEM_CLOCK, budget: createBudget() }
  for (const variable of computing.variables) {
    const { dependsOn } = variable
    const isAffected = dependsOn.length === 0 ? computation.isFirst : dependsOn.some((name) => computation.changed.has(name))
    if (isAffected) yield evaluate(variable, { computing, computation, limits })
  }
}

interface FoldingComputed {
  readonly execution: { readonly id: string; readonly revision: number }
  readonly present: ReadonlyMap<string, VariableRecord>
  /** Variables as this change set has left them; null: deleted. */
  readonly changed: ReadonlyMap<string, VariableRecord | null>
  readonly keyRing: KeyRing
}

/** Folds what follows from a change set into it, each with what was folded before. Throws as `computedWrites`. */
export function foldComputed<T>(
  computing: Computing,
  { execution, present, changed, keyRing }: FoldingComputed,
  fold: (write: VariableWrite) => T,
): T[] {
  const find = (name: string) => {
    const found = changed.has(name) ? changed.get(name) : present.get(name)
    return found ? { value: plainOf(found, keyRing), isSensitive: found.sealed !== null } : null
  }
  const computation = { executionId: execution.id, isFirst: execution.revision === 0, changed, find }
  return Array.from(computedWrites(computing, computation), fold)
}

/** The value behind the mask. @throws TransientError INTERNAL where its key is missing */
export function plainOf({ executionId, name, revision, value, sealed }: VariableRecord, keyRing: KeyRing): JsonValue {
  return sealed === null ? value : keyRing.open(sealed, variableLocation(executionId, name, revision))
}

interface Evaluating {
  readonly computing: Computing
  readonly computation: Computation
  readonly limits: EvaluationLimits
}

function evaluate(variable: ComputedVariable, { computing, computation, limits }: Evaluating): VariableWrite {
  const { name, expression, dependsOn } = variable
  const vars: JsonObject = {}
  const secrets = new Set<string>()
  for (const input of dependsOn) {
    const found = computation.find(input)
    // Whatever the expression makes of it: without all of its inputs there is no such variable.
    if (!found) return { operation: 'delete', name }
    vars[input] = found.value
    if (found.isSensitive) secrets.add(input)
  }
  const { workload, sensitive, job } = computing
  const layers = {
    vars,
    workload,
    builtins: { execution_id: computation.executionId, job },
    sensitive: { locals: NONE, vars: secrets, steps: NONE, workload: sensitive?.workload ?? NONE, builtins: NONE },
    evaluationLimits: limits,
  }
  const reads = sensitiveReads(expression, layers)
  const fault = sensitive && unreadableOf(reads, sensitive.unreadable)
  if (fault) throw fault
  const isSensitive = reads.length > 0
  try {
    const value = storableValue(renderTree(expression, createContext(layers), `computed.${name}`), `computed.${name}`)
    return { operation: 'set', name, value, type: 'computed', sourceStep: null, ...(isSensitive ? { isSensitive } : {}) }
  } catch (error) {
    if (!isTransientError(error)) throw error
    if (error.code === 'TEMPLATE_UNDEFINED' && variable.workloadKeys.some((key) => !Object.hasOwn(workload, key)))
      return { operation: 'delete', name }
    throw failure(variable, isSensitive ? 'it reads something sensitive, so what is wrong is not shown' : error.message)
  }
}

function failure({ name, line, column }: ComputedVariable, why: string): TransientError {
  return new TransientError('COMPUTED_FAILED', `the computed variable "${name}" (line ${line}, column ${column}): ${why}`, {
    details: { name, line, column },
  })
}

/** Nobody else writes what is computed. @throws TransientError VALIDATION; of a step COMPUTED_FAILED */
export function checkNotComputed(
  computing: Computing,
  { writes, actor }: { readonly writes: readonly VariableWrite[]; readonly actor: string },
): void {
  for (const { name } of writes) {
    const variable = computing.variables.find((one) => one.name === name)
    if (!variable) continue
    const why = 'it is computed from others by its playbook, and cannot be written'
    if (actor.startsWith('step:')) throw failure(variable, why)
    throw new TransientError('VALIDATION', `${name}: ${why}`, { details: { field: 'name', name } })
  }
}
