import { createMemoryBus } from '../../src/bus/index.js'
import type { Database } from '../../src/db/database.js'
import { createVariablesService, type VariablesService } from '../../src/variables/service.js'
import type { WebhookInput } from '../../src/webhooks/input.js'
import type { Webhooks } from '../../src/webhooks/open.js'
import { openTestWebhooks, type Received, type Receiver } from '../support/webhooks.js'

/** Writes and webhooks over a database, in one process. */
export interface Bench {
  readonly db: Database
  readonly webhooks: Webhooks
  readonly variables: VariablesService
  create(url: string, input?: Partial<WebhookInput>): Promise<{ id: string; name: string; secret: string }>
  /** The row of a hook and an execution, by the database's clock. */
  row(hook: string, executionId: string): Promise<DeliveryRow>
  /** What waits for its next try need not wait any longer, and a hook for its probe. */
  hurry(hook: string): Promise<void>
  failures(hook: string): Promise<number>
}

export interface DeliveryRow {
  readonly attempts: number
  readonly inSeconds: number | null
  readonly status: number | null
  readonly error: string | null
  readonly delivered: number
  readonly pending: number
  readonly isLeased: boolean
}

let hooks = 0

export async function openBench(db: Database, isShared = false): Promise<Bench> {
  const webhooks = await openTestWebhooks(db, undefined, { isShared })
  const variables = createVariablesService({ db, bus: createMemoryBus(), outbox: webhooks.outbox })
  await webhooks.sender.start()
  return {
    db,
    webhooks,
    variables,
    async create(url, input = {}) {
      hooks += 1
      const given = { name: `hook-${hooks}`, url, events: ['variables' as const], ...input }
      const { webhook, secret } = await webhooks.service.create(given)
      return { id: webhook.id, name: webhook.name, secret }
    },
    async row(hook, executionId) {
      const [row] = await db.rows<DeliveryRow>(
        `SELECT attempts, extract(epoch FROM next_attempt_at - now())::double precision AS "inSeconds", last_status AS status, last_error AS error,
           delivered_revision::integer AS delivered, pending_revision::integer AS pending, lease_until IS NOT NULL AS "isLeased"
         FROM transient.webhook_delivery WHERE webhook_id = $1::text AND execution_id = $2::bigint`,
        hook,
        executionId,
      )
      if (row === undefined) throw new Error('there is no such row')
      return row
    },
    async hurry(hook) {
      await db.run('UPDATE transient.webhook SET not_before = NULL WHERE id = $1::text', hook)
      await db.run(
        'UPDATE transient.webhook_delivery SET next_attempt_at = now() WHERE webhook_id = $1::text AND lease_until IS NULL AND next_attempt_at IS NOT NULL',
        hook,
      )
      await webhooks.outbox.refresh()
    },
    async failures(hook) {
      const [row] = await db.rows<{ failures: number }>('SELECT failures FROM transient.webhook WHERE id = $1::text', hook)
      return row?.failures ?? 0
    },
  }
}

/** What came about an execution. */
export function about(receiver: Receiver, id: string): Received[] {
  return receiver.received.filter(({ text }) => text.includes(`"execution_id":${id},`))
}
