import type { TransientError } from '../../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import type { ExecutionRecord } from '../../executions/record.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import { executionLocation, idempotencyLocation } from '../../sealing/location.js'
import { MASK } from '../../sealing/mask.js'
import { opened, type Sensitive, withSensitive } from '../../sealing/sensitive.js'

/** What of an execution never changes after its start. */
type Input = Pick<ExecutionRecord, 'workload' | 'payload' | 'inherited'>

export interface SealedInput extends Input {
  readonly sealed: string | null
}

const WORKLOAD = 'workload.'
const RESULTS = 'results.'

/** The keys of the workload that are among an execution's sensitive names. */
export function workloadKeys(sensitive: readonly string[]): string[] {
  return sensitive.filter((name) => name.startsWith(WORKLOAD)).map((name) => name.slice(WORKLOAD.length))
}

/** The same, as what templates read of it. */
export function sensitiveWorkload(sensitive: readonly string[], fault: TransientError | null = null): Sensitive | null {
  return withSensitive(
    null,
    workloadKeys(sensitive).map((name) => ({ kind: 'workload', name, fault })),
  )
}

function stepNames(sensitive: readonly string[]): string[] {
  return sensitive.filter((name) => name.startsWith(RESULTS)).map((name) => name.slice(RESULTS.length))
}

/** What an execution is given, as its row keeps it: the sensitive parts masked, and encrypted beside. @throws TransientError VALIDATION */
export function sealInput(id: string, input: Input, { sensitive, keyRing }: Sealing): SealedInput {
  const keys = workloadKeys(sensitive)
  const hidden: JsonObject = {
    workload: picked(input.workload, keys),
    payload: picked(input.payload, keys),
    inherited: picked(input.inherited, stepNames(sensitive)),
  }
  const isPlain = Object.values(hidden).every((part) => Object.keys(part as JsonObject).length === 0)
  if (isPlain) return { ...input, sealed: null }
  return {
    workload: masked(input.workload, keys, MASK),
    payload: masked(input.payload, keys, MASK),
    inherited: masked(input.inherited, stepNames(sensitive), { result: MASK, envelope: null }),
    sealed: keyRing.seal(hidden, executionLocation(id)),
  }
}

interface Sealing {
  readonly sensitive: readonly string[]
  readonly keyRing: KeyRing
}

export interface OpenedInput extends Input {
  readonly sensitive: Sensitive | null
}

/** What an execution was given, behind the mask. What cannot be decrypted stays masked, and `sensitive` says why. */
export function openInput(execution: ExecutionRecord, keyRing: KeyRing): OpenedInput {
  const { id, workload, payload, inherited, sealed } = execution
  if (execution.sensitive.length === 0) return { workload, payload, inherited, sensitive: null }
  const { value, fault } =
    sealed === null ? NOTHING_SEALED : opened(() => keyRing.open(sealed, executionLocation(id)) as JsonObject)
  const hidden = value === MASK ? {} : value
  const sensitive = withSensitive(
    sensitiveWorkload(execution.sensitive, fault),
    stepNames(execution.sensitive).map((name) => ({ kind: 'steps', name, fault })),
  )
  return {
    workload: restored(workload, hidden['workload']),
    payload: restored(payload, hidden['payload']),
    inherited: restored(inherited, hidden['inherited']),
    sensitive,
  }
}

const NOTHING_SEALED = { value: {} as JsonObject, fault: null }

function picked(value: JsonValue, keys: readonly string[]): JsonObject {
  if (!isJsonObject(value)) return {}
  return Object.fromEntries(keys.flatMap((key) => (Object.hasOwn(value, key) ? [[key, value[key] ?? null]] : [])))
}

function masked(value: JsonValue, keys: readonly string[], mask: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value
  return { ...value, ...Object.fromEntries(Object.keys(picked(value, keys)).map((key) => [key, mask])) }
}

function restored(value: JsonValue, hidden: JsonValue | undefined): JsonValue {
  return isJsonObject(value) && isJsonObject(hidden ?? null) ? { ...value, ...(hidden as JsonObject) } : value
}

/** The payload that an idempotency key stands for: all of it encrypted where a part of it is sensitive. */
export function sealPayload(
  id: string,
  { payload, sensitive, keyRing }: Sealing & { readonly payload: JsonObject },
): { readonly payload: JsonObject; readonly sealed: string | null } {
  const isPlain = Object.keys(picked(payload, workloadKeys(sensitive))).length === 0
  if (isPlain) return { payload, sealed: null }
  return { payload: {}, sealed: keyRing.seal(payload, idempotencyLocation(id)) }
}

/** @throws TransientError INTERNAL when its key is lost */
export function openPayload(
  { executionId, payload, sealed }: { readonly executionId: string; readonly payload: JsonValue; readonly sealed: string | null },
  keyRing: KeyRing,
): JsonValue {
  return sealed === null ? payload : keyRing.open(sealed, idempotencyLocation(executionId))
}
