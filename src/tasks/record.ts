import { randomUUID } from 'node:crypto'
import { TransientError } from '../core/errors.js'
import type { ExecutionId } from '../core/ids.js'
import type { JsonObject } from '../core/json.js'
import type { KeyRing } from '../sealing/key-ring.js'
import { taskLocation } from '../sealing/location.js'

export type TaskStatus = 'open' | 'waiting' | 'done' | 'withdrawn'

/** The pool of work that the orchestrator does itself: steps without a tool, iterator starts, child executions. */
export const SYSTEM_POOL = '_system'

/** What names a task: one attempt at one run of one execution. */
export interface TaskKey {
  readonly executionId: ExecutionId
  readonly run: number
  readonly attempt: number
}

/** One row of `transient.task`. */
export interface TaskRecord extends TaskKey {
  readonly pool: string
  /** The tool kind, or `step`, `iterate`, `join` for the orchestrator's own work. */
  readonly kind: string
  readonly status: TaskStatus
  readonly notBefore: Date
  readonly leaseUntil: Date | null
  readonly token: string | null
  readonly workerId: string | null
  readonly deliveries: number
  /** When it was given to its worker. */
  readonly claimedAt: Date | null
  /** When the attempt, or the child that it waits for, must have ended. */
  readonly deadline: Date | null
  /** Decisions about it that failed for no reason of the step's own. */
  readonly faults: number
  /** The child execution that a `waiting` task waits for, and the input that it was started with. */
  readonly childId: ExecutionId | null
  readonly input: JsonObject | null
  /** The input, encrypted, where it is sensitive: `input` is then empty. */
  readonly sealed: string | null
}

/** `<execution>-<run>-<attempt>` */
export function formatTaskId(key: TaskKey): string {
  return `${key.executionId}-${key.run}-${key.attempt}`
}

/** @throws TransientError NOT_FOUND when the text is no task id */
export function parseTaskId(text: string): TaskKey {
  const match = /^([1-9]\d{0,18})-(\d{1,9})-(\d{1,9})$/.exec(text)
  if (!match) throw new TransientError('NOT_FOUND', `task "${text.slice(0, 60)}" does not exist`)
  return { executionId: match[1] as string, run: Number(match[2]), attempt: Number(match[3]) }
}

const TOKEN = /^tt_(\d{1,19}-\d{1,9}-\d{1,9})_[0-9a-f-]{36}$/

/** A new token for a delivery of a task: its fence, and a Bearer credential that names its task. */
export function mintTaskToken(key: TaskKey): string {
  return `tt_${formatTaskId(key)}_${randomUUID()}`
}

/** The task that a text of this form names, or null. */
export function taskOfToken(text: string): TaskKey | null {
  const id = TOKEN.exec(text)?.[1]
  if (id === undefined) return null
  try {
    return parseTaskId(id)
  } catch {
    return null
  }
}

/** What a task was given, also where it is kept encrypted. @throws TransientError INTERNAL when its key is lost */
export function inputOf({ executionId, run, attempt, input, sealed }: TaskRecord, keyRing: KeyRing): JsonObject | null {
  return sealed === null ? input : (keyRing.open(sealed, taskLocation(executionId, run, attempt)) as JsonObject)
}
