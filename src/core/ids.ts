import { type Clock, systemClock } from './clock.js'
import { TransientError } from './errors.js'

/** 64-bit ids travel as decimal text: 507861119290048685 does not fit a JavaScript number. */
export type ExecutionId = string

const MAX_ID = 2n ** 63n - 1n
const EPOCH_MS = Date.UTC(2024, 0, 1)
const MACHINE_BITS = 10n
const SEQUENCE_BITS = 12n
const MAX_SEQUENCE = 2n ** SEQUENCE_BITS - 1n

export const MACHINE_COUNT = 1024

/**
 * Checks an execution id from outside: 1 to 19 digits without a leading zero, 1 to 2^63-1.
 * @throws TransientError VALIDATION, naming the field
 */
export function parseExecutionId(text: string, field = 'executionId'): ExecutionId {
  if (/^[1-9]\d{0,18}$/.test(text) && BigInt(text) <= MAX_ID) return text
  throw new TransientError('VALIDATION', `${field}: "${text.slice(0, 40)}" is not a 64-bit integer id (1 to 2^63-1)`, {
    details: { field },
  })
}

export interface SnowflakeOptions {
  /** 0 to 1023, leased from the database so that two processes never mint the same id. */
  readonly machine: number
  readonly clock?: Clock
}

/**
 * Mints 64-bit ids: 41 bits of milliseconds since 2024, 10 of machine, 12 of sequence (Twitter's Snowflake).
 * When the clock steps back, or a millisecond is full, the last millisecond seen goes on counting.
 */
export function createSnowflake({ machine, clock = systemClock }: SnowflakeOptions): () => ExecutionId {
  let lastMs = 0n
  let sequence = 0n
  return () => {
    const nowMs = BigInt(clock.now().getTime() - EPOCH_MS)
    if (nowMs > lastMs) {
      lastMs = nowMs
      sequence = 0n
    } else if (sequence < MAX_SEQUENCE) {
      sequence += 1n
    } else {
      lastMs += 1n
      sequence = 0n
    }
    return String((lastMs << (MACHINE_BITS + SEQUENCE_BITS)) | (BigInt(machine) << SEQUENCE_BITS) | sequence)
  }
}
