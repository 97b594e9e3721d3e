import { createHash } from 'node:crypto'
import { type Clock, systemClock } from '../../core/clock.js'
import { isTransientError, TransientError } from '../../core/errors.js'
import type { ExecutionId } from '../../core/ids.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { parseJsonBody } from '../../core/json-body.js'
import type { Database } from '../../db/database.js'
import { createBudget, createContext, renderTree } from '../../template/index.js'
import type { WebhookSecrets } from '../secrets.js'
import type { TriggerOutcome, TriggerRecord } from './record.js'
import { noTrigger } from './service.js'
import { findRepeated, findTrigger, noteDelivery } from './store.js'
import { type RawRequest, signatureFault } from './verify.js'

/** Refused requests of one trigger are noted that often: whoever sends them may send many. */
const REFUSED_PERIOD_MS = 1_000
const DAY_MS = 86_400_000
const UTF8 = new TextDecoder('utf-8', { fatal: true })
/** Headers that nothing is told of. */
const SECRET_HEADERS = new Set(['authorization', 'cookie', 'proxy-authorization', 'x-api-key'])

/** What starts executions. */
export interface TriggerStarter {
  start(request: {
    readonly path: string
    readonly version: number | null
    readonly workload: JsonObject
    readonly idempotencyKey: string
  }): Promise<{ readonly id: ExecutionId; readonly isChanged: boolean }>
}

export interface ReceiverOptions {
  readonly db: Database
  readonly secrets: WebhookSecrets
  readonly starter: TriggerStarter
  readonly clock?: Clock
  /** Told of each request to a trigger. */
  readonly observer?: { triggerReceived(outcome: TriggerOutcome): void }
}

/** Takes requests from outside. */
export interface TriggerReceiver {
  /**
   * The execution that a request starts, or has started before; or the answer to a question of the sender's own.
   * @throws TransientError NOT_FOUND, UNAUTHENTICATED (the signature), BAD_REQUEST (no JSON), OVERLOADED (paused), TEMPLATE_* (the workload), and as a start
   */
  receive(name: string, request: RawRequest): Promise<{ readonly executionId: ExecutionId } | { readonly challenge: JsonValue }>
}

/** Nothing of a request is parsed before its signature holds. */
export function createReceiver({ db, secrets, starter, clock = systemClock, observer }: ReceiverOptions): TriggerReceiver {
  const refusedAt = new Map<string, number>()

  async function refuse(trigger: TriggerRecord, error: TransientError): Promise<never> {
    observer?.triggerReceived('refused')
    const now = performance.now()
    if (now - (refusedAt.get(trigger.id) ?? -REFUSED_PERIOD_MS) >= REFUSED_PERIOD_MS) {
      refusedAt.set(trigger.id, now)
      const { code, message: reason } = error
      await noteDelivery(db, {
        triggerId: trigger.id,
        outcome: 'refused',
        key: null,
        executionId: null,
        reason: `${code}: ${reason}`,
      })
    }
    throw error
  }

  async function started(
    trigger: TriggerRecord,
    key: string,
    workload: JsonObject,
  ): Promise<{ readonly id: ExecutionId; readonly isChanged: boolean }> {
    const { id, path, version } = trigger
    const day = Math.floor(clock.now().getTime() / DAY_MS)
    try {
      return await starter.start({ path, version, workload, idempotencyKey: `trigger ${id} ${key} ${day}` })
    } catch (error) {
      // Templates may give a repetition another workload.
      const known = isTransientError(error) && error.code === 'CONFLICT' ? error.details['executionId'] : null
      if (typeof known !== 'string') throw error
      return { id: known, isChanged: false }
    }
  }

  return {
    async receive(name, request) {
      const trigger = await findTrigger(db, name)
      if (trigger === null) throw noTrigger(name)
      const now = clock.now()
      const fault = signatureFault(trigger, request, { secrets: await secrets.live(trigger.id), now })
      if (fault !== null) return refuse(trigger, new TransientError('UNAUTHENTICATED', `trigger "${name}": ${fault}`))
      if (trigger.isPaused) {
        return refuse(trigger, new TransientError('OVERLOADED', `trigger "${name}" is paused`, { details: { retryAfter: 60 } }))
      }
      try {
        const body = parsed(request.body)
        if (trigger.preset === 'slack' && isJsonObject(body) && body['type'] === 'url_verification') {
          observer?.triggerReceived('answered')
          await noteDelivery(db, { triggerId: trigger.id, outcome: 'answered', key: null, executionId: null, reason: null })
          return { challenge: body['challenge'] ?? '' }
        }
        const key = keyOf(trigger, request)
        const before = await findRepeated(db, trigger.id, key)
        const { id: executionId, isChanged } =
          before === null ? await started(trigger, key, workloadOf(trigger, body, request)) : { id: before, isChanged: false }
        const outcome = isChanged ? 'started' : 'repeated'
        observer?.triggerReceived(outcome)
        await noteDelivery(db, { triggerId: trigger.id, outcome, key, executionId, reason: null })
        return { executionId }
      } catch (error) {
        if (!isTransientError(error) || error.code === 'INTERNAL') throw error
        return refuse(trigger, error)
      }
    },
  }
}

function parsed(bytes: Buffer): JsonValue {
  let text: string
  try {
    text = UTF8.decode(bytes)
  } catch {
    throw new TransientError('BAD_REQUEST', 'the body is not UTF-8 text')
  }
  return parseJsonBody(text)
}

/** What a repetition is known by: a header of the sender's, or the body. */
function keyOf({ idempotencyHeader }: TriggerRecord, { headers, body }: RawRequest): string {
  if (idempotencyHeader === null) return createHash('sha256').update(body).digest('base64url')
  const given = headers[idempotencyHeader]
  if (given === undefined || given === '') throw new TransientError('BAD_REQUEST', `the header ${idempotencyHeader} is missing`)
  return createHash('sha256').update(given).digest('base64url')
}

function workloadOf({ workload }: TriggerRecord, body: JsonValue, { headers }: RawRequest): JsonObject {
  if (workload === null) return { body }
  const shown = Object.fromEntries(Object.entries(headers).filter(([name]) => !SECRET_HEADERS.has(name)))
  const evaluationLimits = { elapsedMs: () => performance.now(), isLastTry: true, budget: createBudget() }
  const context = createContext({ locals: { body, headers: shown }, evaluationLimits })
  try {
    return renderTree(workload, context, 'workload') as JsonObject
  } catch (error) {
    if (!isTransientError(error)) throw error
    throw new TransientError('VALIDATION', error.message, { details: { field: 'workload' } })
  }
}
