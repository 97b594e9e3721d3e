import type { Context, Hono } from 'hono'
import type { z } from 'zod'
import { type DeliveryResponse, redeliverRequest, type WebhookResponse, webhookRequest } from '../../contract/webhooks.js'
import { parseExecutionId } from '../../core/ids.js'
import type { JsonObject } from '../../core/json.js'
import type { WebhookEvent } from '../../core/status.js'
import type { WebhookInput } from '../../webhooks/input.js'
import type { DeliveryRecord, WebhookRecord } from '../../webhooks/record.js'
import { readJson } from '../body.js'
import { jsonResponse, type RestEnv, servicesOf } from '../context.js'
import { refuseOtherMethods } from '../problem.js'
import { flag, wholeNumber } from '../query.js'

const WEBHOOKS_PATH = '/api/webhooks'
const WEBHOOK_PATH = '/api/webhooks/:id'
const DELIVERIES_PATH = '/api/webhooks/:id/deliveries'
const REDELIVER_PATH = '/api/webhooks/:id/redeliver'

const idOf = (context: Context): string => context.req.param('id') ?? ''

/** Who is told of changes. */
export function addWebhooksRoutes(app: Hono<RestEnv>): void {
  const serviceOf = (context: Context<RestEnv>) => servicesOf(context).webhooks

  app.get(WEBHOOKS_PATH, async (context) => {
    const webhooks = await serviceOf(context).list()
    return jsonResponse({ webhooks: webhooks.map((webhook) => webhookBody(webhook) as JsonObject) })
  })
  app.post(WEBHOOKS_PATH, async (context) => {
    const { webhook, secret } = await serviceOf(context).create(inputOf(await readJson(context, webhookRequest)))
    return jsonResponse({ ...webhookBody(webhook), secret } as JsonObject, { status: 201 })
  })
  refuseOtherMethods(app, WEBHOOKS_PATH, ['GET', 'POST'])

  app.put(WEBHOOK_PATH, async (context) => {
    const input = inputOf(await readJson(context, webhookRequest))
    return jsonResponse(webhookBody(await serviceOf(context).update(idOf(context), input)) as JsonObject)
  })
  app.delete(WEBHOOK_PATH, async (context) => {
    return jsonResponse({ id: idOf(context), deleted: (await serviceOf(context).remove(idOf(context))) !== null })
  })
  refuseOtherMethods(app, WEBHOOK_PATH, ['PUT', 'DELETE'])

  for (const verb of ['pause', 'resume'] as const) {
    app.post(`${WEBHOOK_PATH}/${verb}`, async (context) => {
      return jsonResponse(webhookBody(await serviceOf(context)[verb](idOf(context))) as JsonObject)
    })
    refuseOtherMethods(app, `${WEBHOOK_PATH}/${verb}`, ['POST'])
  }
  app.post(`${WEBHOOK_PATH}/rotate`, async (context) => {
    const { webhook, secret } = await serviceOf(context).rotateSecret(idOf(context))
    return jsonResponse({ ...webhookBody(webhook), secret } as JsonObject)
  })
  refuseOtherMethods(app, `${WEBHOOK_PATH}/rotate`, ['POST'])
  app.post(`${WEBHOOK_PATH}/test`, async (context) => {
    const { status, error } = await serviceOf(context).test(idOf(context))
    return jsonResponse({ delivered: error === null, status, error })
  })
  refuseOtherMethods(app, `${WEBHOOK_PATH}/test`, ['POST'])

  app.post(REDELIVER_PATH, async (context) => {
    const { execution_id: id, from_revision: fromRevision } = await readJson(context, redeliverRequest)
    const executionId = parseExecutionId(id, 'execution_id')
    const delivery = await serviceOf(context).redeliver({ webhookId: idOf(context), executionId, fromRevision })
    return jsonResponse(deliveryBody(delivery) as JsonObject)
  })
  refuseOtherMethods(app, REDELIVER_PATH, ['POST'])

  app.get(DELIVERIES_PATH, async (context) => {
    const page = await serviceOf(context).deliveries(idOf(context), {
      failedOnly: flag(context.req.query('failed_only'), 'failed_only'),
      first: wholeNumber(context.req.query('first'), 'first'),
      after: context.req.query('after'),
      isCounted: false,
      signal: context.req.raw.signal,
    })
    const deliveries = page.items.map((delivery) => deliveryBody(delivery) as JsonObject)
    return jsonResponse({ deliveries, next: page.hasNextPage ? page.cursorAt(-1) : null })
  })
  refuseOtherMethods(app, DELIVERIES_PATH, ['GET'])
}

function inputOf(body: z.output<typeof webhookRequest>): WebhookInput {
  const { name, url, path_prefix: pathPrefix, events, names, types, except_actors: exceptActors, when } = body
  // The service refuses what is no event.
  return { ...{ name, url, pathPrefix, names, types, exceptActors, when }, events: events as WebhookEvent[] }
}

function webhookBody(webhook: WebhookRecord): WebhookResponse {
  return {
    id: webhook.id,
    name: webhook.name,
    url: webhook.url,
    state: webhook.state,
    reason: webhook.reason,
    path_prefix: webhook.pathPrefix,
    events: [...webhook.events],
    names: webhook.names && [...webhook.names],
    types: webhook.types && [...webhook.types],
    except_actors: [...webhook.exceptActors],
    when: webhook.when,
    created_at: webhook.createdAt.toISOString(),
  }
}

function deliveryBody(delivery: DeliveryRecord): DeliveryResponse {
  return {
    execution_id: delivery.executionId,
    delivered_revision: delivery.deliveredRevision,
    pending_revision: delivery.pendingRevision,
    attempts: delivery.attempts,
    next_attempt_at: delivery.nextAttemptAt?.toISOString() ?? null,
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    delivered_at: delivery.deliveredAt?.toISOString() ?? null,
  }
}
