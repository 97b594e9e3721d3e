import { WEBHOOK_EVENTS, type WebhookEvent } from '../../core/status.js'
import type { Answer } from '../../webhooks/post.js'
import { type DeliveryRecord, WEBHOOK_STATES, type WebhookRecord } from '../../webhooks/record.js'
import type { CreatedWebhook } from '../../webhooks/service.js'
import type { Pending } from '../../webhooks/store.js'
import { builder } from '../builder.js'
import { PLAIN } from '../printer.js'
import { lowerCaseEnum, VariableTypeEnum } from './enums.js'
import { connectionType, pageArguments, pageRequest } from './page.js'

const WebhookStateEnum = lowerCaseEnum('WebhookState', WEBHOOK_STATES)
const WebhookEventEnum = builder.enumType('WebhookEvent', {
  values: Object.fromEntries(WEBHOOK_EVENTS.map((event) => [event.toUpperCase().replace('.', '_'), { value: event }])) as Record<
    string,
    { value: WebhookEvent }
  >,
})

const WebhookInputType = builder.inputType('WebhookInput', {
  description: 'All that is given must hold.',
  fields: (t) => ({
    name: t.string({ required: true }),
    url: t.string({ required: true, description: 'http or https; redirects are not followed.' }),
    pathPrefix: t.string({ description: 'Of the playbook: "billing/".' }),
    events: t.field({
      type: [WebhookEventEnum],
      required: true,
      description: 'None at all: only what playbooks ask for by `notify`.',
    }),
    names: t.stringList({ description: 'Of variables.' }),
    types: t.field({ type: [VariableTypeEnum] }),
    exceptActors: t.stringList({ description: 'Whose changes are left out: "api:<key name>", "step:<name>".' }),
    when: t.string({ description: 'A condition over `vars`: only the changes with which it becomes true.' }),
  }),
})

const WebhookDeliveryType = builder.objectRef<DeliveryRecord>('WebhookDelivery').implement({
  description: 'How far a webhook has got with one execution.',
  fields: (t) => ({
    executionId: t.exposeID('executionId'),
    deliveredRevision: t.expose('deliveredRevision', { type: 'Revision' }),
    pendingRevision: t.expose('pendingRevision', { type: 'Revision' }),
    attempts: t.exposeInt('attempts', { description: 'Failed tries of what comes next.' }),
    nextAttemptAt: t.expose('nextAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description: 'null: nothing is left to send, or it was given up until something changes.',
    }),
    lastStatus: t.exposeInt('lastStatus', { nullable: true, description: 'The HTTP status of the last answer.' }),
    lastError: t.exposeString('lastError', { nullable: true }),
    deliveredAt: t.expose('deliveredAt', { type: 'DateTime', nullable: true }),
  }),
})

const WebhookDeliveryConnection = connectionType<DeliveryRecord>('WebhookDelivery', WebhookDeliveryType)

const WebhookType = builder.objectRef<WebhookRecord>('Webhook')
WebhookType.implement({
  description: 'Where changes are sent to: docs/webhooks.md.',
  fields: (t) => ({
    id: t.exposeID('id'),
    name: t.exposeString('name'),
    url: t.exposeString('url'),
    state: t.expose('state', { type: WebhookStateEnum }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'Why it was paused or disabled, where nobody did it by hand.',
    }),
    pathPrefix: t.exposeString('pathPrefix', { nullable: true }),
    events: t.field({ type: [WebhookEventEnum], extensions: PLAIN, resolve: ({ events }) => [...events] }),
    names: t.stringList({ nullable: true, extensions: PLAIN, resolve: ({ names }) => names && [...names] }),
    types: t.field({ type: [VariableTypeEnum], nullable: true, extensions: PLAIN, resolve: ({ types }) => types && [...types] }),
    exceptActors: t.stringList({ extensions: PLAIN, resolve: ({ exceptActors }) => [...exceptActors] }),
    when: t.exposeString('when', { nullable: true }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    pendingCount: t.int({
      description: 'Executions of which something waits.',
      resolve: async ({ id }, _args, { services }) => (await services.webhooks.pending(id)).count,
    }),
    oldestPendingAt: t.field({
      type: 'DateTime',
      nullable: true,
      resolve: async ({ id }, _args, { services }): Promise<Pending['oldestAt']> =>
        (await services.webhooks.pending(id)).oldestAt,
    }),
    deliveries: t.field({
      type: WebhookDeliveryConnection,
      description: 'The youngest execution first.',
      args: { ...pageArguments, failedOnly: t.arg.boolean() },
      resolve: ({ id }, request, context, info) => context.services.webhooks.deliveries(id, pageRequest(request, context, info)),
    }),
  }),
})

const CreateWebhookPayload = builder.objectRef<CreatedWebhook>('CreateWebhookPayload').implement({
  fields: (t) => ({
    webhook: t.field({ type: WebhookType, resolve: ({ webhook }) => webhook }),
    secret: t.exposeString('secret', { description: 'shown once: whsec_...' }),
  }),
})

const WebhookTestType = builder.objectRef<Answer>('WebhookTest').implement({
  fields: (t) => ({
    delivered: t.boolean({ extensions: PLAIN, resolve: ({ error }) => error === null }),
    status: t.exposeInt('status', { nullable: true }),
    error: t.exposeString('error', { nullable: true }),
  }),
})

builder.queryField('webhooks', (t) =>
  t.field({
    type: [WebhookType],
    authScopes: { webhooks: true },
    description: 'By name. REST: GET /api/webhooks.',
    resolve: (_root, _args, { services }) => services.webhooks.list(),
  }),
)

builder.queryField('webhook', (t) =>
  t.field({
    type: WebhookType,
    nullable: true,
    authScopes: { webhooks: true },
    args: { name: t.arg.string({ required: true }) },
    resolve: (_root, { name }, { services }) => services.webhooks.find(name),
  }),
)

builder.mutationFields((t) => ({
  createWebhook: t.field({
    type: CreateWebhookPayload,
    authScopes: { webhooks: true },
    description: 'It is told of what is written once this has answered. REST: POST /api/webhooks.',
    args: { input: t.arg({ type: WebhookInputType, required: true }) },
    resolve: (_root, { input }, { services }) => services.webhooks.create(input),
  }),
  updateWebhook: t.field({
    type: WebhookType,
    authScopes: { webhooks: true },
    description: 'Replaces all of it but its secret.',
    args: { id: t.arg.id({ required: true }), input: t.arg({ type: WebhookInputType, required: true }) },
    resolve: (_root, { id, input }, { services }) => services.webhooks.update(id, input),
  }),
  pauseWebhook: t.field({
    type: WebhookType,
    authScopes: { webhooks: true },
    description: 'What happens meanwhile is sent after it is resumed.',
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, { services }) => services.webhooks.pause(id),
  }),
  resumeWebhook: t.field({
    type: WebhookType,
    authScopes: { webhooks: true },
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, { services }) => services.webhooks.resume(id),
  }),
  deleteWebhook: t.field({
    type: 'Boolean',
    authScopes: { webhooks: true },
    description: 'false: there was none.',
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id }, { services }) => (await services.webhooks.remove(id)) !== null,
  }),
  rotateWebhookSecret: t.field({
    type: CreateWebhookPayload,
    authScopes: { webhooks: true },
    description: 'For a day requests are signed with the old secret, too.',
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, { services }) => services.webhooks.rotateSecret(id),
  }),
  testWebhook: t.field({
    type: WebhookTestType,
    authScopes: { webhooks: true },
    description: 'Sends an event `webhook.test` now, whatever the state.',
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, { services }) => services.webhooks.test(id),
  }),
  redeliver: t.field({
    type: WebhookDeliveryType,
    authScopes: { webhooks: true },
    description: 'Sends what happened from a revision on again, under new ids.',
    args: {
      webhookId: t.arg.id({ required: true }),
      executionId: t.arg.id({ required: true }),
      fromRevision: t.arg({ type: 'Revision', required: true }),
    },
    resolve: (_root, request, { services }) => services.webhooks.redeliver(request),
  }),
}))
