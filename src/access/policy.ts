import type { WriteRequest, WriteResult } from '../commit/record.js'
import type { ExecutionId } from '../core/ids.js'
import type { ChangedExecution, TaskTicket } from '../orchestrator/orchestrator.js'
import type { ScheduleRecord } from '../schedules/record.js'
import { parseTaskId } from '../tasks/record.js'
import type { OfSpace } from '../variables/spaces/globals.js'
import type { TriggerRecord } from '../webhooks/inbound/record.js'
import type { WebhookRecord } from '../webhooks/record.js'
import type { AuditAction, Policy } from './rule.js'

/** Who may do what: the one table. docs/security.md says the same in words. */
export const POLICY: Policy = {
  variables: {
    read: { right: 'read_variables', execution: first },
    find: { right: 'read_variables', execution: first, whenHidden: 'null' },
    reveal: {
      right: 'reveal',
      execution: first,
      whenHidden: 'null',
      audit: (variable, executionId, name) =>
        variable === null || variable.sealed === null ? null : { ...about('variable.revealed', executionId), subject: name },
    },
    all: { right: 'read_variables', execution: first },
    list: { right: 'read_variables', execution: requested },
    search: { right: 'read_variables' },
    history: { right: 'read_variables', execution: requested },
    values: { right: 'read_variables', execution: first },
    write: {
      right: 'write',
      execution: requested,
      actor: (actor, request) => [{ ...request, actor }],
      audit: auditWrite,
    },
    deleteAll: {
      right: 'write',
      execution: first,
      actor: (actor, executionId) => [executionId, actor],
      audit: ({ deletedCount: count }, executionId) =>
        count === 0 ? null : { ...about('variables.deleted', executionId), count },
    },
    watch: {
      right: 'read_variables',
      execution: requested,
      isStream: true,
      signal: { of: ({ signal }) => signal, put: (signal, request) => [{ ...request, signal }] },
    },
    poll: {
      right: 'read_variables',
      execution: requested,
      signal: { of: ({ signal }) => signal, put: (signal, request) => [{ ...request, signal }] },
    },
  },
  globals: {
    spaces: { right: 'read_globals' },
    space: { right: 'read_globals', whenHidden: 'null' },
    spaceById: { right: 'read_globals', whenHidden: 'null' },
    read: { right: 'read_globals' },
    find: { right: 'read_globals', whenHidden: 'null' },
    findById: { right: 'read_globals', whenHidden: 'null' },
    reveal: {
      right: 'reveal',
      whenHidden: 'null',
      audit: (variable, space, name) =>
        variable === null || variable.sealed === null ? null : { ...about('global.revealed', null), subject: `${space} ${name}` },
    },
    all: { right: 'read_globals' },
    list: { right: 'read_globals' },
    history: { right: 'read_globals' },
    write: {
      right: 'write_globals',
      actor: (actor, request) => [{ ...request, actor }],
      audit: auditGlobals,
    },
    deleteAll: {
      right: 'write_globals',
      actor: (actor, space) => [space, actor],
      audit: ({ deletedCount: count }, space) =>
        count === 0 ? null : { ...about('globals.deleted', null), subject: space, count },
    },
    watch: {
      right: 'read_globals',
      isStream: true,
      signal: { of: ({ signal }) => signal, put: (signal, request) => [{ ...request, signal }] },
    },
    poll: {
      right: 'read_globals',
      signal: { of: ({ signal }) => signal, put: (signal, request) => [{ ...request, signal }] },
    },
  },
  executions: {
    find: { right: 'read', execution: first, whenHidden: 'null' },
    get: { right: 'read', execution: first },
    list: { right: 'read' },
    steps: { right: 'read', execution: first },
    iterations: { right: 'read', execution: first },
    events: { right: 'read', execution: first },
    stepRun: { right: 'read', execution: first, whenHidden: 'null' },
    waiting: { right: 'read', execution: (filter) => filter?.executionId ?? null },
    currentSteps: { right: 'read', execution: ({ id }) => id },
    iterationCounts: { right: 'read', execution: first },
    watch: {
      right: 'read',
      execution: first,
      isStream: true,
      signal: { of: (_id, signal) => signal, put: (signal, id) => [id, signal] },
    },
    watchAll: {
      right: 'read',
      isStream: true,
      signal: { of: (_filter, signal) => signal, put: (signal, filter) => [filter, signal] },
    },
    watchFromNow: {
      right: 'read',
      isStream: true,
      signal: { of: (_filter, signal) => signal, put: (signal, filter) => [filter, signal] },
    },
  },
  catalog: {
    register: {
      right: 'register',
      audit: ({ path, version, isNew }) =>
        isNew ? { ...about('playbook.registered', null), subject: `${path}@${version}` } : null,
    },
    find: { right: 'read', whenHidden: 'null' },
    get: { right: 'read' },
    model: { right: 'read' },
    list: { right: 'read' },
    versions: { right: 'read' },
    validate: { right: 'read' },
  },
  orchestrator: {
    start: { right: 'run', audit: auditStart },
    check: { right: 'nobody' },
    startSeveral: { right: 'run', audit: (started) => started.flatMap((one) => auditStart(one) ?? []) },
    cancel: {
      right: 'run',
      execution: first,
      actor: (actor, id, reason) => [id, reason, actor],
      audit: ({ isChanged }, id) => (isChanged ? about('execution.cancelled', id) : null),
    },
    pause: {
      right: 'run',
      execution: first,
      actor: (actor, id, reason) => [id, reason, actor],
      audit: ({ isChanged }, id) => (isChanged ? about('execution.paused', id) : null),
    },
    resume: {
      right: 'run',
      execution: first,
      actor: (actor, id) => [id, actor],
      audit: ({ isChanged }, id) => (isChanged ? about('execution.resumed', id) : null),
    },
    rerun: {
      right: 'run',
      actor: (actor, request) => [{ ...request, actor }],
      audit: ({ id }, request) => ({ ...about('execution.rerun', id), subject: request.id }),
    },
    answer: {
      right: 'answer',
      execution: requested,
      actor: (actor, request) => [{ ...request, actor }],
      role: (role, request) => [{ ...request, role }],
      audit: (_done, { executionId, run }) => ({ ...about('step.answered', executionId), subject: String(run) }),
    },
    claim: {
      right: 'work',
      signal: { of: ({ signal }) => signal, put: (signal, request) => [{ ...request, signal }] },
    },
    claimSeveral: {
      right: 'work',
      signal: { of: ({ signal }) => signal, put: (signal, request) => [{ ...request, signal }] },
    },
    heartbeat: { right: 'work', execution: ofTask, task: taskOf },
    release: { right: 'work', execution: ofTask, task: taskOf },
    complete: { right: 'work', execution: ofTask, task: taskOf },
    run: { right: 'nobody' },
    drain: { right: 'nobody' },
  },
  keys: {
    create: { right: 'keys', actor: (actor, request) => [{ ...request, actor }] },
    list: { right: 'keys' },
    revoke: { right: 'keys', actor: (actor, request) => [{ ...request, actor }] },
  },
  rotation: {
    rotate: {
      right: 'keys',
      audit: ({ keyId, rotated }) =>
        rotated === 0 ? null : { ...about('encryption.rotated', null), subject: keyId, count: rotated },
    },
  },
  webhooks: {
    create: { right: 'webhooks', audit: ({ webhook }) => aboutWebhook('created', webhook) },
    update: { right: 'webhooks', audit: (webhook) => aboutWebhook('updated', webhook) },
    list: { right: 'webhooks' },
    find: { right: 'webhooks', whenHidden: 'null' },
    pause: { right: 'webhooks', audit: (webhook) => aboutWebhook('paused', webhook) },
    resume: { right: 'webhooks', audit: (webhook) => aboutWebhook('resumed', webhook) },
    remove: { right: 'webhooks', audit: (webhook) => webhook && aboutWebhook('deleted', webhook) },
    rotateSecret: { right: 'webhooks', audit: ({ webhook }) => aboutWebhook('secret_rotated', webhook) },
    redeliver: {
      right: 'webhooks',
      audit: (_delivery, { webhookId, executionId }) => ({ ...about('webhook.redelivered', executionId), subject: webhookId }),
    },
    deliveries: { right: 'webhooks' },
    pending: { right: 'webhooks' },
    test: { right: 'webhooks' },
  },
  schedules: {
    set: { right: 'schedules', audit: (schedule) => aboutSchedule('set', schedule) },
    pause: { right: 'schedules', audit: (schedule) => aboutSchedule('paused', schedule) },
    resume: { right: 'schedules', audit: (schedule) => aboutSchedule('resumed', schedule) },
    remove: { right: 'schedules', audit: (schedule) => schedule && aboutSchedule('deleted', schedule) },
    list: { right: 'schedules' },
    find: { right: 'schedules', whenHidden: 'null' },
    lastFiring: { right: 'schedules' },
    upcoming: { right: 'schedules' },
  },
  triggers: {
    set: { right: 'webhooks', audit: ({ trigger }) => aboutTrigger('set', trigger) },
    rotateSecret: { right: 'webhooks', audit: ({ trigger }) => aboutTrigger('secret_rotated', trigger) },
    remove: { right: 'webhooks', audit: (trigger) => trigger && aboutTrigger('deleted', trigger) },
    list: { right: 'webhooks' },
    deliveries: { right: 'webhooks' },
  },
  audit: { list: { right: 'audit' } },
  // What a template sees as `env` no reader of variables sees otherwise.
  templates: { render: { right: 'run', execution: ({ executionId }) => executionId } },
}

function first(executionId: ExecutionId): ExecutionId {
  return executionId
}

function requested({ executionId }: { readonly executionId: ExecutionId }): ExecutionId {
  return executionId
}

function taskOf({ taskId }: TaskTicket): string {
  return taskId
}

function ofTask({ taskId }: TaskTicket): ExecutionId {
  return parseTaskId(taskId).executionId
}

function about(action: string, executionId: ExecutionId | null): AuditAction {
  return { action, executionId, subject: null, count: 1 }
}

function aboutWebhook(what: string, { id, name }: WebhookRecord): AuditAction {
  return { ...about(`webhook.${what}`, null), subject: `${id} (${name})` }
}

function aboutSchedule(what: string, { name, path }: ScheduleRecord): AuditAction {
  return { ...about(`schedule.${what}`, null), subject: `${name} (${path})` }
}

function aboutTrigger(what: string, { name, path }: TriggerRecord): AuditAction {
  return { ...about(`trigger.${what}`, null), subject: `${name} (${path})` }
}

function auditStart({ id, playbookPath, playbookVersion, isChanged }: ChangedExecution): AuditAction | null {
  return isChanged ? { ...about('execution.started', id), subject: `${playbookPath}@${playbookVersion}` } : null
}

/** The change log of the space names each variable. */
function auditGlobals({ outcomes }: WriteResult, { space, writes }: OfSpace<WriteRequest>): AuditAction | null {
  const count = outcomes.filter(({ isChanged }) => isChanged).length
  if (count === 0) return null
  const action = writes.every(({ operation }) => operation === 'delete') ? 'globals.deleted' : 'globals.written'
  return { ...about(action, null), subject: space, count }
}

function auditWrite({ outcomes }: WriteResult, { executionId, writes }: WriteRequest): AuditAction | null {
  const changed = outcomes.filter(({ isChanged }) => isChanged)
  const [only] = changed
  if (only === undefined) return null
  const action = writes.every(({ operation }) => operation === 'delete') ? 'variables.deleted' : 'variables.written'
  return { action, executionId, subject: changed.length === 1 ? only.name : null, count: changed.length }
}
