import { TransientError } from '../core/errors.js'
import { isSameJson, type JsonValue, jsonSize } from '../core/json.js'
import type { VariableType } from '../core/status.js'
import type { PlaybookSchema } from '../playbook/model.js'
import { type KeyRing, sealedSize } from '../sealing/key-ring.js'
import { variableLocation } from '../sealing/location.js'
import { MASK } from '../sealing/mask.js'
import { CHECKS } from './checks.js'
import { type Computing, checkNotComputed, foldComputed, plainOf } from './computed.js'
import { appended, incremented, refused, ttlOf } from './operations.js'
import {
  type ChangeRecord,
  checkCounter,
  checkSourceStep,
  checkVariableName,
  storableValue,
  type VariableLimits,
  type VariableRecord,
  type VariableWrite,
  type WriteOutcome,
} from './record.js'

/** What the fold needs of the locked execution. */
export interface FoldExecution {
  readonly id: string
  readonly revision: number
  readonly variableCount: number
  readonly variableBytes: number
}

export interface FoldInput {
  readonly execution: FoldExecution
  /** The named variables that are there. */
  readonly present: ReadonlyMap<string, VariableRecord>
  /** Versions at which named variables were deleted. */
  readonly tombstones: ReadonlyMap<string, number>
  readonly writes: readonly VariableWrite[]
  readonly actor: string
  readonly now: Date
  readonly limits?: VariableLimits
  /** Seals sensitive values: outside of the fold there is only their mask. */
  readonly keyRing: KeyRing
  /** Names that the execution's playbook declares sensitive. */
  readonly declared?: ReadonlySet<string>
  /** What the execution's playbook says of its variables; null: nothing. */
  readonly schema?: PlaybookSchema | null
  /** Its computed variables, of which all inputs are among `present`; null: none. */
  readonly computing?: Computing | null
}

/** A change with what its row in the change log holds besides. A deletion's version is the tombstone's. */
export interface FoldedChange extends ChangeRecord {
  readonly version: number
  readonly accessCount: number
  readonly createdAt: Date
  /** It may have a plain history, which is to be sealed with it. */
  readonly isBecomingSensitive: boolean
  readonly isCreation: boolean
  /** In seconds; null: it is kept. */
  ttl: number | null
  /** Created by this transaction, or created anew: else its row knows better when. */
  isCreated: boolean
  /**
   * What was loaded of it, before all changes of this transaction: a row that it has locked, or compares. null: there was none, and whoever inserts
   * one first makes the transaction fail.
   */
  replaced: VariableRecord | null
  /** Bytes of its value, and how many more than before. */
  readonly size: number
  readonly grownBy: number
}

export interface FoldResult {
  /** One more than before when anything changed. */
  readonly revision: number
  /** One per variable, in the order of the writes: rows to upsert (`set`), to delete with a tombstone (`delete`), and the change log. */
  readonly changes: readonly FoldedChange[]
  /** One per write, in order. */
  readonly outcomes: readonly WriteOutcome[]
  /** Of computed variables that were evaluated. */
  readonly computed: readonly WriteOutcome[]
  readonly variableCount: number
  readonly variableBytes: number
}

interface Target {
  /** The mask where it is sensitive. */
  readonly value: JsonValue
  readonly sealed: string | null
  readonly type: VariableType
  readonly sourceStep: string | null
}

/**
 * One change set over what is there, with the computed variables that follow from it: pure, so that the service and a step's transaction have one set of
 * rules.
 * @throws TransientError VALIDATION, CONFLICT, TOO_LARGE, SCHEMA, COMPUTED_FAILED; then nothing of the change set may be written
 */
export function foldChangeSet(input: FoldInput): FoldResult {
  const { execution, computing } = input
  checkNames(input)
  if (computing) checkNotComputed(computing, input)
  const folding: Folding = { input, revision: execution.revision + 1, changes: [], changed: new Map() }
  const outcomes = input.writes.map((write) => foldWrite(folding, write))
  const computed = computing
    ? foldComputed(computing, { ...input, changed: folding.changed }, (write) => foldWrite(folding, write))
    : []
  const { revision, changes } = folding
  let { variableCount, variableBytes } = execution
  if (changes.length === 0) return { revision: execution.revision, changes, outcomes, computed, variableCount, variableBytes }
  for (const { operation, isCreation, grownBy } of changes) {
    variableCount += operation === 'delete' ? -1 : Number(isCreation)
    variableBytes += grownBy
  }
  const folded = {
    ...{ revision, changes, outcomes, computed, variableCount },
    variableBytes: variableCount === 0 ? 0 : Math.max(variableBytes, 0),
  }
  for (const check of CHECKS) check(folded, input)
  return folded
}

/** A change set while it is folded. */
interface Folding {
  readonly input: FoldInput
  readonly revision: number
  readonly changes: FoldedChange[]
  /** Variables as they are after these changes; null: deleted. */
  readonly changed: Map<string, VariableRecord | null>
}

function foldWrite({ input, revision, changes, changed }: Folding, write: VariableWrite): WriteOutcome {
  const before = input.present.get(write.name) ?? null
  checkVersion(write, before)
  const target = write.operation === 'delete' ? null : targetOf(write, before, { input, revision })
  const ttl = ttlOf(write)
  // Its time begins anew.
  if (ttl === null && isUnchanged(before, target)) return { name: write.name, variable: before, isChanged: false }
  const version = (before?.version ?? input.tombstones.get(write.name) ?? 0) + 1
  const variable = target && nextRecord({ name: write.name, before, target, revision, version, input })
  const change = changeOf({ seq: changes.length + 1, before, variable, revision, version, input })
  change.ttl = ttl
  changes.push(change)
  changed.set(write.name, variable)
  return { name: write.name, variable, isChanged: true }
}

function checkNames({ writes, present }: FoldInput): void {
  const seen = new Set<string>()
  for (const { name } of writes) {
    // A database taken over from NoETL may hold names that no new variable could have.
    if (!present.has(name)) checkVariableName(name)
    if (seen.has(name)) {
      throw new TransientError('VALIDATION', `name: "${name}" is written twice in one change set`, {
        details: { field: 'name', name },
      })
    }
    seen.add(name)
  }
}

function checkVersion(write: VariableWrite, before: VariableRecord | null): void {
  if (write.operation === 'increment' || write.operation === 'append' || write.expectedVersion === undefined) return
  const expected = checkCounter(write.expectedVersion, 'expectedVersion')
  const currentVersion = before?.version ?? 0
  if (expected === currentVersion) return
  const there = before === null ? 'it does not exist' : `it is at version ${currentVersion}`
  throw new TransientError('CONFLICT', `${write.name}: expected version ${expected}, but ${there}`, {
    details: { name: write.name, currentVersion, currentValue: before?.value ?? null },
  })
}

type Sealing = Pick<Folding, 'input' | 'revision'>

/** The value as it would be stored, before it is sealed: what must hold for each value by itself is checked here. */
function targetOf(
  write: Exclude<VariableWrite, { operation: 'delete' }>,
  before: VariableRecord | null,
  sealing: Sealing,
): Target {
  checkSourceStep(write.sourceStep)
  const field = `value of ${write.name}`
  const isSensitive = willBeSensitive(write, before, sealing)
  if (write.operation !== 'increment') {
    const type = write.operation === 'set' ? write.type : (before?.type ?? 'user_defined')
    const value =
      write.operation === 'set'
        ? write.value
        : appended(write, before === null ? undefined : plainOf(before, sealing.input.keyRing))
    const target = { value: storableValue(value, field), sealed: null, type, sourceStep: write.sourceStep }
    return isSensitive ? sealTarget(write.name, before, { target, sealing }) : target
  }
  if (isSensitive) throw refused(write.name, 'it is sensitive, and a sensitive variable cannot be incremented')
  const sum = incremented(write, before?.value)
  return { value: sum, sealed: null, type: before?.type ?? 'user_defined', sourceStep: write.sourceStep }
}

function willBeSensitive(write: VariableWrite, before: VariableRecord | null, { input: { declared } }: Sealing): boolean {
  const wanted = write.operation === 'set' || write.operation === 'append' ? write.isSensitive : undefined
  const isAlready = (before !== null && before.sealed !== null) || declared?.has(write.name) === true
  if (wanted === false && isAlready) throw refused(write.name, 'it is sensitive, and stays so until it is deleted')
  return isAlready || wanted === true
}

/** Whoever read the mask and writes it back means the value that it stands for. */
function sealTarget(
  name: string,
  before: VariableRecord | null,
  {
    target,
    sealing: {
      input: { execution, keyRing },
      revision,
    },
  }: { readonly target: Target; readonly sealing: Sealing },
): Target {
  const isKept = target.value === MASK && before !== null && before.sealed !== null
  const plain = isKept ? plainOf(before, keyRing) : target.value
  return { ...target, value: MASK, sealed: keyRing.seal(plain, variableLocation(execution.id, name, revision)) }
}

/** UTF-8 length of the value as compact JSON, behind the mask, too. */
function sizeOf({ value, sealed }: Pick<Target, 'value' | 'sealed'>): number {
  return sealed === null ? jsonSize(value) : sealedSize(sealed)
}

function isUnchanged(before: VariableRecord | null, target: Target | null): boolean {
  if (before === null || target === null) return before === target
  // Whether a sensitive value is another one is not told.
  if (target.sealed !== null) return false
  return before.type === target.type && before.sourceStep === target.sourceStep && isSameJson(before.value, target.value)
}

interface Written {
  readonly before: VariableRecord | null
  readonly revision: number
  readonly version: number
  readonly input: FoldInput
}

function nextRecord({
  name,
  before,
  target,
  revision,
  version,
  input,
}: Written & { readonly name: string; readonly target: Target }): VariableRecord {
  return {
    executionId: input.execution.id,
    name,
    value: target.value,
    sealed: target.sealed,
    type: target.type,
    sourceStep: target.sourceStep,
    revision,
    version,
    accessCount: before?.accessCount ?? 0,
    createdAt: before?.createdAt ?? input.now,
    updatedAt: input.now,
    accessedAt: input.now,
  }
}

function changeOf({
  seq,
  before,
  variable,
  revision,
  version,
  input,
}: Written & { readonly seq: number; readonly variable: VariableRecord | null }): FoldedChange {
  const subject = (variable ?? before) as VariableRecord
  const size = variable === null ? 0 : sizeOf(variable)
  return {
    isCreation: before === null,
    ttl: null,
    isCreated: before === null,
    replaced: before,
    size,
    grownBy: size - (before === null ? 0 : sizeOf(before)),
    executionId: input.execution.id,
    revision,
    seq,
    name: subject.name,
    operation: variable === null ? 'delete' : 'set',
    value: variable?.value ?? null,
    previousValue: before?.value ?? null,
    sealed: variable === null ? (subject.sealed === null ? null : '') : variable.sealed,
    // The first change of a name has no history.
    isBecomingSensitive: variable !== null && variable.sealed !== null && (before?.sealed ?? null) === null && version > 1,
    type: subject.type,
    sourceStep: subject.sourceStep,
    actor: input.actor,
    changedAt: input.now,
    version,
    accessCount: subject.accessCount,
    createdAt: subject.createdAt,
  }
}
