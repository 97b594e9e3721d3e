import { isTransientError, TransientError } from '../../core/errors.js'
import type { JsonValue } from '../../core/json.js'
import { isMissingKey } from '../../sealing/key-ring.js'
import { MASK } from '../../sealing/mask.js'
import { type Sensitive, unreadableOf } from '../../sealing/sensitive.js'
import { type ContextLayers, sensitiveReads, sensitiveReadsOfCondition } from '../../template/index.js'

/** Whether an error of an evaluation is the step's own; a key that this process lacks is not: another process may have it. */
export function isStepFault(error: unknown): error is TransientError {
  return isTransientError(error) && !isMissingKey(error)
}

export interface TrackedResult<T> {
  readonly value: T
  readonly isSensitive: boolean
}

interface TrackedTemplate {
  readonly template: JsonValue
  readonly layers: ContextLayers
  readonly at: string
  readonly unreadable: Sensitive['unreadable'] | undefined
}

/**
 * Evaluates what a template says. What comes of one that reads something sensitive is sensitive, as is whatever goes wrong with it.
 * @throws TransientError of the evaluation, without its message where that may show something; INTERNAL for a value whose key is lost
 */
export function trackSensitive<T>(tracked: TrackedTemplate, evaluate: () => T): TrackedResult<T> {
  return trackSensitiveReads(sensitiveReads(tracked.template, tracked.layers), tracked, evaluate)
}

/** The same for a condition, which may be a bare expression. */
export function trackSensitiveCondition<T>(
  tracked: TrackedTemplate & { readonly template: string },
  evaluate: () => T,
): TrackedResult<T> {
  return trackSensitiveReads(sensitiveReadsOfCondition(tracked.template, tracked.layers), tracked, evaluate)
}

/** The same where it is known what is read. */
export function trackSensitiveReads<T>(
  reads: readonly string[],
  { at, unreadable }: Pick<TrackedTemplate, 'at' | 'unreadable'>,
  evaluate: () => T,
): TrackedResult<T> {
  if (reads.length === 0) return { value: evaluate(), isSensitive: false }
  const fault = unreadable && unreadableOf(reads, unreadable)
  if (fault) throw fault
  try {
    return { value: evaluate(), isSensitive: true }
  } catch (error) {
    throw isTransientError(error) ? withoutMessage(error, at) : error
  }
}

/** What went wrong with a sensitive value may quote it, or tell its kind or length. */
export function withoutMessage({ code }: TransientError, at: string): TransientError {
  return new TransientError(code, `${at}: ${MASK} (it reads something sensitive, so what is wrong with it is not shown)`, {
    details: { at },
  })
}
