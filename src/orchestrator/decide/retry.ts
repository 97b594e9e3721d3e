import { retryDelayMs } from '../../core/backoff.js'
import type { TransientError } from '../../core/errors.js'
import { storableText } from '../../core/text.js'
import type { RetryRule } from '../../playbook/model.js'
import { RETRY_RULES } from '../../playbook/numbers.js'
import { type ContextLayers, createContext, evaluateCondition, renderTree } from '../../template/index.js'
import type { Envelope } from './context.js'
import { layersOf } from './context.js'
import { requireNumber } from './numbers.js'
import type { RouteTrace } from './routing.js'
import { isStepFault, trackSensitive, trackSensitiveCondition } from './sensitive.js'
import type { Snapshot } from './types.js'
import { asStepFault } from './vars.js'

/** How a failed attempt ended, as the templates of `retry` see it. */
export interface FailedAttempt {
  readonly envelope: Envelope
  readonly isSensitive: boolean
}

export type RetryPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'retry'; readonly delayMs: number }
  /** `retry.when` could not be evaluated: it counts as false, and the event says so. */
  | { readonly kind: 'refused'; readonly trace: RouteTrace }
  /** A number of `retry` is none. */
  | { readonly kind: 'fault'; readonly error: TransientError }

const NONE: RetryPlan = { kind: 'none' }

/** Whether and when a failed attempt is tried again. Its numbers are rendered only where they are needed. Pure. */
export function planRetry(snapshot: Snapshot, ended: FailedAttempt): RetryPlan {
  const { step, task } = snapshot
  const { retry } = step
  // An iterator's `retry` is that of its iterations: neither its start nor its join is tried again.
  if (!retry || task.kind === 'join' || task.kind === 'iterate') return NONE
  const layers = layersOf(snapshot, ended)
  const request = { retry, attempt: task.attempt, layers, at: `${step.at}.retry` }
  try {
    if (task.attempt >= numberOf(snapshot, request, 'max_attempts')) return NONE
    const wanted = isRetryWanted(snapshot, retry, layers)
    if (typeof wanted === 'object') return { kind: 'refused', trace: wanted }
    const delayMs = wanted ? delayOf(snapshot, request) : null
    return delayMs === null ? NONE : { kind: 'retry', delayMs }
  } catch (error) {
    return { kind: 'fault', error: asStepFault(error) }
  }
}

export interface DelayRequest {
  readonly retry: RetryRule
  /** The attempt that has ended. */
  readonly attempt: number
  readonly layers: ContextLayers
  /** `workflow[2].retry` */
  readonly at: string
}

/** Milliseconds until the next attempt; null: there is none left. @throws TransientError TEMPLATE_* when a number of the rule is none */
export function delayOf(snapshot: Snapshot, request: DelayRequest): number | null {
  const { attempt } = request
  const maxAttempts = numberOf(snapshot, request, 'max_attempts')
  if (attempt >= maxAttempts) return null
  const policy = {
    maxAttempts,
    initialDelayMs: toMs(numberOf(snapshot, request, 'initial_delay')),
    backoffMultiplier: numberOf(snapshot, request, 'backoff_multiplier'),
    maxDelayMs: toMs(numberOf(snapshot, request, 'max_delay')),
  }
  return retryDelayMs(policy, attempt)
}

const NUMBERS = {
  max_attempts: 'maxAttempts',
  initial_delay: 'initialDelay',
  backoff_multiplier: 'backoffMultiplier',
  max_delay: 'maxDelay',
} as const

function numberOf({ sensitive }: Snapshot, { retry, layers, at: where }: DelayRequest, name: keyof typeof RETRY_RULES): number {
  const written = retry[NUMBERS[name]]
  if (typeof written === 'number') return written
  const at = `${where}.${name}`
  const tracked = { template: written, layers, at, unreadable: sensitive?.unreadable }
  return trackSensitive(tracked, () => requireNumber(renderTree(written, createContext(layers), at), at, RETRY_RULES[name])).value
}

/** Fractions of a second are allowed; half a millisecond is not kept. */
function toMs(seconds: number): number {
  return Math.round(seconds * 1000)
}

function isRetryWanted({ step, sensitive }: Snapshot, { when }: RetryRule, layers: ContextLayers): boolean | RouteTrace {
  if (when === null) return true
  const at = `${step.at}.retry.when`
  try {
    const tracked = { template: when, layers, at, unreadable: sensitive?.unreadable }
    return trackSensitiveCondition(tracked, () => evaluateCondition(when, createContext(layers), at)).value
  } catch (error) {
    if (!isStepFault(error)) throw error
    return { at, when, event: null, outcome: storableText(error.message) }
  }
}
