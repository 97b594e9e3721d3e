import { parseShape } from '../../contract/shape.js'
import { heartbeatTaskRequest, readCompletion } from '../../contract/tasks.js'
import type { JsonObject } from '../../core/json.js'
import type { ClaimedTask, TaskTicket } from '../../orchestrator/orchestrator.js'
import { builder } from '../builder.js'
import { PLAIN } from '../printer.js'

const TaskType = builder.objectRef<ClaimedTask>('Task').implement({
  description: 'One unit of work that a worker has leased.',
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
    data: t.field({ type: 'JSON', description: 'What the tool returned nevertheless.' }),
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
      accepted: t.exposeBoolean('isAccepted', { extensions: PLAIN }),
      revision: t.expose('revision', { type: 'Revision' }),
    }),
  })

/** What proves a worker's lease, checked as it is over REST. @throws TransientError VALIDATION */
function ticketOf({ taskId, ...ticket }: TaskTicket): TaskTicket {
  return { taskId, ...parseShape(heartbeatTaskRequest, { ...ticket }) }
}

builder.mutationFields((t) => ({
  claimTask: t.field({
    type: TaskType,
    authScopes: { work: true },
    nullable: true,
    description: 'Null when nothing came within waitMs. REST: POST /api/tasks/claim.',
    args: { input: t.arg({ type: ClaimTaskInput, required: true }) },
    resolve: (_root, { input: { pool, workerId, waitMs } }, { services, signal }) =>
      services.orchestrator.claim({ pool: pool ?? 'default', workerId, waitMs: waitMs ?? 0, signal: signal() }),
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
    resolve: (_root, ticket, { services }) => services.orchestrator.heartbeat(ticketOf(ticket)),
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
      await services.orchestrator.release(ticketOf(ticket))
      return true
    },
  }),
  completeTask: t.field({
    type: CompleteTaskPayload,
    authScopes: { work: true },
    description: "A duplicate returns accepted: false; another attempt's is CONFLICT. REST: POST /api/tasks/{id}/complete.",
    args: { input: t.arg({ type: CompleteTaskInput, required: true }) },
    resolve: (_root, { input: { taskId, ...report } }, { services }) =>
      services.orchestrator.complete({ taskId, ...readCompletion({ ...report } as JsonObject) }),
  }),
}))
