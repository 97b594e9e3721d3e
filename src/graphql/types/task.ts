import { ERRORS, type ErrorCode, TransientError } from '../../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import type { ClaimedTask } from '../../orchestrator/orchestrator.js'
import { builder } from '../builder.js'

const TaskType = builder.objectRef<ClaimedTask>('Task').implement({
  description: 'One unit of work that a worker holds.',
  fields: (t) => ({
    id: t.exposeID('id'),
    executionId: t.exposeID('executionId'),
    step: t.exposeString('step'),
    visit: t.exposeInt('visit'),
    iteration: t.exposeInt('iteration', { nullable: true }),
    attempt: t.exposeInt('attempt'),
    kind: t.exposeString('kind', { description: 'The tool that the step runs.' }),
    input: t.field({ type: 'JSON', description: 'Rendered.', resolve: ({ input }) => input }),
    timeoutMs: t.exposeInt('timeoutMs'),
    idempotencyKey: t.exposeString('idempotencyKey'),
    token: t.exposeString('token'),
    leaseUntil: t.expose('leaseUntil', { type: 'DateTime' }),
    leaseMs: t.exposeInt('leaseMs', { description: 'How long the lease was when it was given.' }),
  }),
})

const ClaimTaskInput = builder.inputType('ClaimTaskInput', {
  fields: (t) => ({
    pool: t.string({ defaultValue: 'default' }),
    workerId: t.string({ required: true }),
    waitMs: t.int({ defaultValue: 0 }),
  }),
})

const TaskErrorInput = builder.inputType('TaskErrorInput', {
  fields: (t) => ({
    code: t.string({ required: true }),
    message: t.string({ required: true }),
    details: t.field({ type: 'JSON', description: 'An object: what stands in `this.error` beside code and message.' }),
    data: t.field({ type: 'JSON', description: 'What the tool answered all the same.' }),
  }),
})

const CompleteTaskInput = builder.inputType('CompleteTaskInput', {
  fields: (t) => ({
    taskId: t.id({ required: true }),
    attempt: t.int({ required: true }),
    token: t.string({ required: true }),
    result: t.field({ type: 'JSON' }),
    error: t.field({ type: TaskErrorInput }),
    extras: t.field({ type: 'JSON', description: 'An object: what stands in `this` beside its own keys.' }),
    log: t.string(),
  }),
})

const CompleteTaskPayload = builder
  .objectRef<{ readonly isAccepted: boolean; readonly revision: number }>('CompleteTaskPayload')
  .implement({
    fields: (t) => ({
      accepted: t.exposeBoolean('isAccepted'),
      revision: t.expose('revision', { type: 'Revision' }),
    }),
  })

const MAX_WAIT_MS = 60_000

interface GivenError {
  readonly code: string
  readonly message: string
  readonly details?: JsonValue | undefined
}

/** @throws TransientError VALIDATION when it is no code of the table in contract.md */
function checkedError(error: GivenError | null | undefined) {
  if (error === null || error === undefined) return null
  if (Object.hasOwn(ERRORS, error.code)) {
    const details = checkedObject(error.details, 'input.error.details')
    return { code: error.code as ErrorCode, message: error.message, details }
  }
  throw new TransientError('VALIDATION', `input.error.code: "${error.code}" is none of ${Object.keys(ERRORS).join(', ')}`, {
    details: { field: 'input.error.code' },
  })
}

/** @throws TransientError VALIDATION when it is no object */
function checkedObject(value: JsonValue | undefined, field: string): JsonObject | undefined {
  if (value === null || value === undefined) return undefined
  if (isJsonObject(value)) return value
  throw new TransientError('VALIDATION', `${field}: must be a JSON object`, { details: { field } })
}

/** @throws TransientError VALIDATION when it is out of range */
function checkedWait(waitMs: number): number {
  if (waitMs >= 0 && waitMs <= MAX_WAIT_MS) return waitMs
  throw new TransientError('VALIDATION', `input.waitMs: ${waitMs} is not from 0 to ${MAX_WAIT_MS}`, {
    details: { field: 'input.waitMs' },
  })
}

builder.mutationFields((t) => ({
  claimTask: t.field({
    type: TaskType,
    authScopes: { work: true },
    nullable: true,
    description: 'Null when nothing came within waitMs. REST: POST /api/tasks/claim.',
    args: { input: t.arg({ type: ClaimTaskInput, required: true }) },
    resolve: (_root, { input: { pool, workerId, waitMs } }, { services }) =>
      services.orchestrator.claim({ pool: pool ?? 'default', workerId, waitMs: checkedWait(waitMs ?? 0) }),
  }),
  heartbeatTask: t.field({
    type: TaskType,
    authScopes: { work: true },
    description: 'REST: POST /api/tasks/{id}/heartbeat.',
    args: {
      taskId: t.arg.id({ required: true }),
      attempt: t.arg.int({ required: true }),
      token: t.arg.string({ required: true }),
    },
    resolve: (_root, ticket, { services }) => services.orchestrator.heartbeat(ticket),
  }),
  releaseTask: t.field({
    type: 'Boolean',
    authScopes: { work: true },
    description: 'Gives a task back unfinished; it is offered again at once. REST: POST /api/tasks/{id}/release.',
    args: {
      taskId: t.arg.id({ required: true }),
      attempt: t.arg.int({ required: true }),
      token: t.arg.string({ required: true }),
    },
    resolve: async (_root, ticket, { services }) => {
      await services.orchestrator.release(ticket)
      return true
    },
  }),
  completeTask: t.field({
    type: CompleteTaskPayload,
    authScopes: { work: true },
    description: "A duplicate answers accepted: false; another attempt's is CONFLICT. REST: POST /api/tasks/{id}/complete.",
    args: { input: t.arg({ type: CompleteTaskInput, required: true }) },
    resolve: (_root, { input: { error, extras, ...report } }, { services }) =>
      services.orchestrator.complete({
        ...report,
        result: error?.data === undefined ? report.result : error.data,
        error: checkedError(error),
        extras: checkedObject(extras, 'input.extras'),
      }),
  }),
}))
