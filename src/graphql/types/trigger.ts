import { TransientError } from '../../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import type { TriggerDelivery, TriggerInput, TriggerRecord } from '../../webhooks/inbound/record.js'
import type { SetTrigger } from '../../webhooks/inbound/service.js'
import { builder } from '../builder.js'
import { lowerCaseEnum } from './enums.js'

const TriggerOutcomeEnum = lowerCaseEnum('TriggerOutcome', ['started', 'repeated', 'refused', 'answered'])

const TriggerDeliveryType = builder.objectRef<TriggerDelivery>('TriggerDelivery').implement({
  description: 'One request to a trigger, and what came of it.',
  fields: (t) => ({
    receivedAt: t.expose('receivedAt', { type: 'DateTime' }),
    outcome: t.expose('outcome', { type: TriggerOutcomeEnum }),
    executionId: t.exposeID('executionId', { nullable: true }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why it was refused.' }),
  }),
})

const TriggerType = builder.objectRef<TriggerRecord>('Trigger').implement({
  description: 'An inbound webhook: requests to its URL start executions.',
  fields: (t) => ({
    id: t.exposeID('id'),
    name: t.exposeString('name'),
    path: t.exposeString('path', { description: 'Of the playbook.' }),
    version: t.exposeInt('version', { nullable: true, description: 'null: the latest.' }),
    preset: t.string({ nullable: true, resolve: ({ preset }) => preset && preset.toUpperCase() }),
    url: t.string({ description: 'On this server.', resolve: ({ name }) => `/hooks/${name}` }),
    idempotencyHeader: t.exposeString('idempotencyHeader', { nullable: true }),
    signatureHeader: t.exposeString('signatureHeader', { nullable: true }),
    isPaused: t.exposeBoolean('isPaused'),
    lastDeliveryAt: t.field({
      type: 'DateTime',
      nullable: true,
      resolve: async ({ id }, _args, { services }) => (await services.triggers.deliveries(id))[0]?.receivedAt ?? null,
    }),
    deliveries: t.field({
      type: [TriggerDeliveryType],
      description: 'The last hundred requests, newest first.',
      resolve: async ({ id }, _args, { services }) => [...(await services.triggers.deliveries(id))],
    }),
  }),
})

const CreateTriggerPayload = builder.objectRef<SetTrigger>('CreateTriggerPayload').implement({
  fields: (t) => ({
    trigger: t.field({ type: TriggerType, resolve: ({ trigger }) => trigger }),
    secret: t.exposeString('secret', { description: 'Shown once; empty where the trigger keeps the one that it has.' }),
  }),
})

const TriggerInputType = builder.inputType('TriggerInput', {
  fields: (t) => ({
    name: t.string({ required: true }),
    path: t.string({ required: true }),
    version: t.int({ description: 'By default the latest at that time.' }),
    preset: t.string({ description: 'GITHUB, STRIPE or SLACK.' }),
    workload: t.field({ type: 'JSON', description: 'Templates over `body` and `headers`; by default `{body: <the body>}`.' }),
    idempotencyHeader: t.string({ description: 'What a repetition is known by, for a day; by default the body.' }),
    signatureHeader: t.string({
      description: 'Holds the HMAC-SHA256 of the body in hex. Without it, and without a preset, the secret is shown as a key.',
    }),
    secret: t.string({ description: "The sender's own; by default one is made." }),
    isPaused: t.boolean({ defaultValue: false }),
  }),
})

/** @throws TransientError VALIDATION when the workload is no object */
function inputOf({ workload, ...input }: typeof TriggerInputType.$inferInput): TriggerInput {
  return { ...input, workload: workloadOf(workload) }
}

function workloadOf(workload: JsonValue | undefined): JsonObject | null {
  if (workload === undefined || workload === null) return null
  if (isJsonObject(workload)) return workload
  throw new TransientError('VALIDATION', 'input.workload: not a JSON object', { details: { field: 'input.workload' } })
}

builder.queryField('triggers', (t) =>
  t.field({
    type: [TriggerType],
    authScopes: { webhooks: true },
    description: 'By name; at most 1,000.',
    resolve: async (_root, _args, { services }) => [...(await services.triggers.list())],
  }),
)

builder.mutationFields((t) => ({
  setTrigger: t.field({
    type: CreateTriggerPayload,
    authScopes: { webhooks: true },
    description: 'Makes a trigger, or replaces the one of that name, which keeps its secret unless another is given.',
    args: { input: t.arg({ type: TriggerInputType, required: true }) },
    resolve: (_root, { input }, { services }) => services.triggers.set(inputOf(input)),
  }),
  rotateTriggerSecret: t.field({
    type: CreateTriggerPayload,
    authScopes: { webhooks: true },
    description: 'A new secret; for a day the old one holds, too.',
    args: { name: t.arg.string({ required: true }) },
    resolve: (_root, { name }, { services }) => services.triggers.rotateSecret(name),
  }),
  deleteTrigger: t.field({
    type: 'Boolean',
    authScopes: { webhooks: true },
    description: 'false where there is none of that name.',
    args: { name: t.arg.string({ required: true }) },
    resolve: async (_root, { name }, { services }) => (await services.triggers.remove(name)) !== null,
  }),
}))
