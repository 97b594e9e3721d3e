import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorMessage } from '../core/errors.js'
import type { Database } from '../db/database.js'
import { isMissingKey } from '../sealing/key-ring.js'
import { bodyText } from './batch.js'
import {
  claimDue,
  countFailure,
  endDelivered,
  endFailed,
  forgetDelivery,
  forgetFailures,
  LOOP_COUNT,
  releaseClaim,
  voidClaims,
} from './delivery-store.js'
import type { Answer, Poster } from './post.js'
import { readBatch } from './read-log.js'
import type { Claim, WebhookRecord } from './record.js'
import type { WebhookRegistry } from './registry.js'
import { messageId, signedHeaders } from './signature.js'
import { setState } from './store.js'

/** How often it is looked for what is due without anybody having said so: retries, and what other processes left. */
const POLL_MS = 1_000
const DRAIN_MS = 3_000
const SECOND = 1_000
/** How long after each failure; then hourly, for three days. */
const DELAYS_MS = [5 * SECOND, 30 * SECOND, 120 * SECOND, 600 * SECOND, 3_600 * SECOND]
const GIVE_UP_SECONDS = 3 * 24 * 3_600
/** The receiver is gone, and says so. */
const GONE = 410
/** It asks everybody to wait, not only for this request. */
const BUSY = [429, 503]

/** Told of each request. */
export interface WebhookObserver {
  webhookSent(outcome: 'delivered' | 'failed' | 'given_up'): void
}

export interface SenderOptions {
  readonly db: Database
  readonly registry: WebhookRegistry
  readonly poster: Poster
  /** The secrets of a hook, the newest first. */
  readonly secretsOf: (webhookId: string) => Promise<readonly string[]>
  readonly observer?: WebhookObserver | undefined
  readonly logger: { warn(fields: object, message: string): void }
}

/** Sends what hooks are told of. */
export interface WebhookSender {
  start(): Promise<void>
  /** Ends what is under way, or gives it back. */
  stop(): Promise<void>
}

/**
 * One in every process: it claims what is due, as workers claim tasks, and sends it. For one execution a hook has one request under way, so that
 * they come in order; the next begins behind what was acknowledged, so that none is left out.
 */
export function createWebhookSender({ db, registry, poster, secretsOf, observer, logger }: SenderOptions): WebhookSender {
  const stopping = new AbortController()
  // Each request listens to it.
  setMaxListeners(0, stopping.signal)
  const underWay = new Map<Claim, Promise<void>>()
  let claiming: Promise<void> | null = null
  let isWoken = false
  let isBlind = false
  let timer: NodeJS.Timeout | null = null

  function wake(): void {
    isWoken = true
    if (claiming !== null || stopping.signal.aborted) return
    claiming = claimAll().finally(() => {
      claiming = null
      if (isWoken) wake()
    })
  }

  async function claimAll(): Promise<void> {
    // What else is committed in this turn is claimed with it.
    await new Promise(setImmediate)
    isWoken = false
    if (registry.hooks.size === 0) return
    try {
      const token = randomUUID()
      for (const claim of await claimDue(db, token)) begin(claim)
      isBlind = false
    } catch (error) {
      if (!isBlind) logger.warn({ reason: errorMessage(error) }, 'webhooks cannot be sent at the moment')
      isBlind = true
      await sleep(POLL_MS, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  function begin(claim: Claim): void {
    const sending = deliver(claim)
      .catch((error: unknown) => notSent(claim, error))
      .finally(() => {
        underWay.delete(claim)
        wake()
      })
    underWay.set(claim, sending)
  }

  /** Nothing that the receiver could help: a key that this server lacks, or the database. */
  async function notSent(claim: Claim, error: unknown): Promise<void> {
    const reason = errorMessage(error)
    logger.warn({ webhook: claim.webhookId, reason }, 'a webhook was not sent; it is tried again')
    if (!isMissingKey(error)) return
    await endFailed(db, claim, { status: null, error: reason, retryMs: DELAYS_MS[0] ?? 0 }).catch(() => undefined)
  }

  async function deliver(claim: Claim): Promise<void> {
    if (!registry.hooks.has(claim.webhookId)) await registry.refresh()
    const hook = registry.hooks.get(claim.webhookId)
    if (hook === undefined || stopping.signal.aborted) return releaseClaim(db, claim)
    const batch = await readBatch(db, { hook, claim, notifyOf: registry.notifyOf })
    if (batch === null) return forgetDelivery(db, claim)
    if (batch.content === null) return void (await endDelivered(db, claim, { to: batch.to, status: null }))
    const body = bodyText({ webhook: hook.name, executionId: claim.executionId, path: batch.path }, batch.content)
    const message = { id: messageId(hook, claim), timestamp: Math.floor(Date.now() / 1000), body }
    const headers = signedHeaders(message, await secretsOf(hook.id))
    const answer = await poster.post({ url: hook.url, headers, body, signal: stopping.signal })
    if (stopping.signal.aborted && answer.error !== null) return releaseClaim(db, claim)
    if (answer.error !== null) return failed(hook, claim, answer)
    observer?.webhookSent('delivered')
    const count = await endDelivered(db, claim, { to: batch.to, status: answer.status })
    if (claim.isHookFailing) await forgetFailures(db, hook.id)
    if (count !== null && count >= LOOP_COUNT) await end(hook, 'paused', loopReason(claim))
  }

  async function failed(hook: WebhookRecord, claim: Claim, { status, error, retryAfterMs }: Answer): Promise<void> {
    const isOver = claim.failingSeconds > GIVE_UP_SECONDS
    const scheduledMs = DELAYS_MS[Math.min(claim.attempts, DELAYS_MS.length - 1)] ?? 0
    const retryMs = isOver ? null : (retryAfterMs ?? scheduledMs)
    observer?.webhookSent(isOver ? 'given_up' : 'failed')
    await endFailed(db, claim, { status, error: error ?? '', retryMs })
    await countFailure(db, hook.id, status !== null && BUSY.includes(status) ? retryAfterMs : null)
    if (status === GONE) await end(hook, 'disabled', 'the receiver answered 410 Gone')
  }

  async function end(hook: WebhookRecord, state: 'paused' | 'disabled', reason: string): Promise<void> {
    logger.warn({ webhook: hook.name }, `a webhook is ${state}: ${reason}`)
    await setState(db, hook.id, { state, reason })
    await registry.refresh()
  }

  return {
    async start() {
      if (!registry.isShared) await voidClaims(db)
      registry.onWork(wake)
      timer = setInterval(wake, POLL_MS).unref()
      wake()
    },
    async stop() {
      if (timer !== null) clearInterval(timer)
      const ending = Promise.all([...underWay.values()])
      await Promise.race([ending, sleep(DRAIN_MS, undefined, { ref: false })])
      stopping.abort()
      await claiming
      await Promise.all([...underWay.values()])
    },
  }
}

function loopReason({ executionId }: Claim): string {
  return (
    `it was sent ${LOOP_COUNT.toLocaleString('en')} times within a minute for execution ${executionId}: what it starts may change what it is told of; ` +
    'leave those changes out (exceptActors), then resume it'
  )
}
