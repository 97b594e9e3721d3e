import type { JsonObject } from '../../src/core/json.js'
import type { Right } from '../../src/core/principal.js'

/** What a caller needs, written down a second time, apart from src/access/policy.ts: the matrix compares the two. */
export type Needed = Right | 'known'

export interface Operation {
  readonly needs: Needed
  readonly query: string
  readonly variables?: (ids: Ids) => JsonObject
}

export interface Ids {
  readonly execution: string
}

export const SOURCE = `apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: matrix, path: matrix}
workflow: [{step: start, next: [{step: end}]}, {step: end}]
`

const onExecution = ({ execution }: Ids): JsonObject => ({ id: execution })
const TICKET = `taskId: "1-1-1", attempt: 1, token: "t"`

/** One valid request for each root field of the schema. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'Query.me': { needs: 'known', query: '{ me { name } }' },
  'Query.node': { needs: 'known', query: '{ node(id: "eA") { id } }' },
  'Query.apiKeys': { needs: 'keys', query: '{ apiKeys { id } }' },
  'Query.webhook': { needs: 'webhooks', query: '{ webhook(name: "none") { id } }' },
  'Query.webhooks': { needs: 'webhooks', query: '{ webhooks { id } }' },
  'Query.audit': { needs: 'audit', query: '{ audit { totalCount } }' },
  'Query.execution': { needs: 'read', query: 'query ($id: ID!) { execution(id: $id) { id } }', variables: onExecution },
  'Query.executions': { needs: 'read', query: '{ executions { totalCount } }' },
  'Query.playbook': { needs: 'read', query: '{ playbook(path: "matrix") { path } }' },
  'Query.playbooks': { needs: 'read', query: '{ playbooks { totalCount } }' },
  'Query.playbookVersions': { needs: 'read', query: '{ playbookVersions(path: "matrix") { totalCount } }' },
  'Query.validatePlaybook': { needs: 'read', query: '{ validatePlaybook(source: "") { valid } }' },
  'Query.renderTemplate': { needs: 'run', query: '{ renderTemplate(template: "x") { value } }' },
  'Query.variable': {
    needs: 'read_variables',
    query: 'query ($id: ID!) { variable(executionId: $id, name: "a") { name } }',
    variables: onExecution,
  },
  'Query.variables': {
    needs: 'read_variables',
    query: 'query ($id: ID!) { variables(executionId: $id) { totalCount } }',
    variables: onExecution,
  },
  'Query.searchVariables': { needs: 'read_variables', query: '{ searchVariables(filter: {}) { totalCount } }' },
  'Query.variableHistory': {
    needs: 'read_variables',
    query: 'query ($id: ID!) { variableHistory(executionId: $id) { totalCount } }',
    variables: onExecution,
  },
  'Query.space': { needs: 'read_globals', query: '{ space(name: "none") { id } }' },
  'Query.spaces': { needs: 'read_globals', query: '{ spaces { totalCount } }' },
  'Mutation.startExecution': { needs: 'run', query: 'mutation { startExecution(input: {path: "none"}) { id } }' },
  'Mutation.startExecutions': { needs: 'run', query: 'mutation { startExecutions(inputs: [{path: "none"}]) { id } }' },
  'Query.waitingSteps': { needs: 'read', query: '{ waitingSteps(filter: {executionId: 5}) { totalCount } }' },
  'Mutation.answerStep': { needs: 'answer', query: 'mutation { answerStep(executionId: 5, run: 1, values: {}) { id } }' },
  'Query.schedule': { needs: 'schedules', query: '{ schedule(name: "none") { id } }' },
  'Query.schedules': { needs: 'schedules', query: '{ schedules { totalCount } }' },
  'Mutation.setSchedule': { needs: 'schedules', query: 'mutation { setSchedule(input: {name: "", path: ""}) { id } }' },
  'Mutation.pauseSchedule': { needs: 'schedules', query: 'mutation { pauseSchedule(name: "none") { id } }' },
  'Mutation.resumeSchedule': { needs: 'schedules', query: 'mutation { resumeSchedule(name: "none") { id } }' },
  'Mutation.deleteSchedule': { needs: 'schedules', query: 'mutation { deleteSchedule(name: "none") }' },
  'Query.triggers': { needs: 'webhooks', query: '{ triggers { id } }' },
  'Mutation.setTrigger': { needs: 'webhooks', query: 'mutation { setTrigger(input: {name: "", path: ""}) { secret } }' },
  'Mutation.rotateTriggerSecret': { needs: 'webhooks', query: 'mutation { rotateTriggerSecret(name: "none") { secret } }' },
  'Mutation.deleteTrigger': { needs: 'webhooks', query: 'mutation { deleteTrigger(name: "none") }' },
  'Mutation.pauseExecution': { needs: 'run', query: 'mutation { pauseExecution(id: 5) { id } }' },
  'Mutation.resumeExecution': { needs: 'run', query: 'mutation { resumeExecution(id: 5) { id } }' },
  'Mutation.cancelExecution': { needs: 'run', query: 'mutation { cancelExecution(id: 5) { id } }' },
  'Mutation.rerunExecution': { needs: 'run', query: 'mutation { rerunExecution(id: 5) { id } }' },
  'Mutation.registerPlaybook': { needs: 'register', query: 'mutation { registerPlaybook(source: "") { path } }' },
  'Mutation.claimTask': { needs: 'work', query: 'mutation { claimTask(input: {workerId: "w", pool: "none"}) { id } }' },
  'Mutation.heartbeatTask': { needs: 'work', query: `mutation { heartbeatTask(${TICKET}) { id } }` },
  'Mutation.releaseTask': { needs: 'work', query: `mutation { releaseTask(${TICKET}) }` },
  'Mutation.completeTask': { needs: 'work', query: `mutation { completeTask(input: {${TICKET}}) { accepted } }` },
  'Mutation.upsertVariable': {
    needs: 'write',
    query: 'mutation ($id: ID!) { upsertVariable(input: {executionId: $id, name: "a", value: 1}) { revision } }',
    variables: onExecution,
  },
  'Mutation.upsertVariables': {
    needs: 'write',
    query: 'mutation ($id: ID!) { upsertVariables(input: {executionId: $id, variables: [{name: "a", value: 1}]}) { revision } }',
    variables: onExecution,
  },
  'Mutation.incrementVariable': {
    needs: 'write',
    query: 'mutation ($id: ID!) { incrementVariable(input: {executionId: $id, name: "n"}) { revision } }',
    variables: onExecution,
  },
  'Mutation.revealVariable': {
    needs: 'reveal',
    query: 'mutation ($id: ID!) { revealVariable(executionId: $id, name: "none") { name } }',
    variables: onExecution,
  },
  'Mutation.deleteVariable': {
    needs: 'write',
    query: 'mutation ($id: ID!) { deleteVariable(input: {executionId: $id, name: "none"}) { revision } }',
    variables: onExecution,
  },
  'Mutation.deleteVariables': { needs: 'write', query: 'mutation { deleteVariables(executionId: 5) { revision } }' },
  'Mutation.createApiKey': { needs: 'keys', query: 'mutation { createApiKey(input: {name: "", role: VIEWER}) { secret } }' },
  'Mutation.rotateEncryption': { needs: 'keys', query: 'mutation { rotateEncryption { done } }' },
  'Mutation.revokeApiKey': { needs: 'keys', query: 'mutation { revokeApiKey(id: "none") { id } }' },
  'Mutation.createWebhook': {
    needs: 'webhooks',
    query: 'mutation { createWebhook(input: {name: "", url: "", events: []}) { secret } }',
  },
  'Mutation.updateWebhook': {
    needs: 'webhooks',
    query: 'mutation { updateWebhook(id: "none", input: {name: "", url: "", events: []}) { id } }',
  },
  'Mutation.pauseWebhook': { needs: 'webhooks', query: 'mutation { pauseWebhook(id: "none") { id } }' },
  'Mutation.resumeWebhook': { needs: 'webhooks', query: 'mutation { resumeWebhook(id: "none") { id } }' },
  'Mutation.deleteWebhook': { needs: 'webhooks', query: 'mutation { deleteWebhook(id: "none") }' },
  'Mutation.rotateWebhookSecret': { needs: 'webhooks', query: 'mutation { rotateWebhookSecret(id: "none") { secret } }' },
  'Mutation.testWebhook': { needs: 'webhooks', query: 'mutation { testWebhook(id: "none") { delivered } }' },
  'Mutation.redeliver': {
    needs: 'webhooks',
    query: 'mutation { redeliver(webhookId: "none", executionId: 5, fromRevision: 1) { executionId } }',
  },
  'Subscription.variableChanged': {
    needs: 'read_variables',
    query: 'subscription ($id: ID!) { variableChanged(executionId: $id) { revision } }',
    variables: onExecution,
  },
  'Subscription.variableMatched': {
    needs: 'read_variables',
    query: 'subscription ($id: ID!) { variableMatched(executionId: $id, where: []) { revision } }',
    variables: onExecution,
  },
  'Subscription.executionChanged': {
    needs: 'read',
    query: 'subscription ($id: ID!) { executionChanged(id: $id) { id } }',
    variables: onExecution,
  },
  'Subscription.executionsChanged': { needs: 'read', query: 'subscription { executionsChanged { id } }' },
}

export interface Call {
  readonly needs: Needed
  /** With {id} for the execution, where it differs from the route. */
  readonly path?: string
  readonly body?: unknown
  readonly isStream?: true
}

const TASK_BODY = { attempt: 1, token: 't' }

/** One valid request for each route of the REST API, and of the server beside it. */
export const ROUTES: Readonly<Record<string, Call>> = {
  'GET /api/me': { needs: 'known' },
  'GET /api/keys': { needs: 'keys' },
  'POST /api/keys': { needs: 'keys', body: { name: '', role: 'viewer' } },
  'DELETE /api/keys/:id': { needs: 'keys', path: '/api/keys/none' },
  'GET /api/audit': { needs: 'audit' },
  'POST /api/executions/:id/steps/:run/answer': {
    needs: 'answer',
    path: '/api/executions/5/steps/1/answer',
    body: { values: {} },
  },
  'GET /api/schedules': { needs: 'schedules' },
  'GET /api/schedules/:name': { needs: 'schedules', path: '/api/schedules/none' },
  'PUT /api/schedules/:name': { needs: 'schedules', path: '/api/schedules/none', body: { path: '' } },
  'DELETE /api/schedules/:name': { needs: 'schedules', path: '/api/schedules/none' },
  'GET /api/schedules/:name/next': { needs: 'schedules', path: '/api/schedules/none/next' },
  'POST /api/schedules/:name/pause': { needs: 'schedules', path: '/api/schedules/none/pause' },
  'POST /api/schedules/:name/resume': { needs: 'schedules', path: '/api/schedules/none/resume' },
  'POST /api/executions/:id/pause': { needs: 'run', path: '/api/executions/5/pause' },
  'POST /api/executions/:id/resume': { needs: 'run', path: '/api/executions/5/resume' },
  'GET /api/webhooks': { needs: 'webhooks' },
  'POST /api/webhooks': { needs: 'webhooks', body: { name: '', url: '', events: [] } },
  'PUT /api/webhooks/:id': { needs: 'webhooks', path: '/api/webhooks/none', body: { name: '', url: '', events: [] } },
  'DELETE /api/webhooks/:id': { needs: 'webhooks', path: '/api/webhooks/none' },
  'POST /api/webhooks/:id/pause': { needs: 'webhooks', path: '/api/webhooks/none/pause' },
  'POST /api/webhooks/:id/resume': { needs: 'webhooks', path: '/api/webhooks/none/resume' },
  'POST /api/webhooks/:id/rotate': { needs: 'webhooks', path: '/api/webhooks/none/rotate' },
  'POST /api/webhooks/:id/test': { needs: 'webhooks', path: '/api/webhooks/none/test' },
  'POST /api/webhooks/:id/redeliver': {
    needs: 'webhooks',
    path: '/api/webhooks/none/redeliver',
    body: { execution_id: '5', from_revision: 1 },
  },
  'GET /api/webhooks/:id/deliveries': { needs: 'webhooks', path: '/api/webhooks/none/deliveries' },
  'GET /api/vars/:execution_id/events': { needs: 'read_variables', path: '/api/vars/{id}/events', isStream: true },
  'GET /api/vars/:execution_id': { needs: 'read_variables', path: '/api/vars/{id}' },
  'POST /api/vars/:execution_id': { needs: 'write', path: '/api/vars/{id}', body: { variables: { a: 1 } } },
  'DELETE /api/vars/:execution_id': { needs: 'write', path: '/api/vars/5' },
  'POST /api/vars/:execution_id/:var_name/reveal': { needs: 'reveal', path: '/api/vars/{id}/a/reveal' },
  'GET /api/vars/:execution_id/:var_name': { needs: 'read_variables', path: '/api/vars/{id}/a' },
  'DELETE /api/vars/:execution_id/:var_name': { needs: 'write', path: '/api/vars/{id}/none' },
  'GET /api/globals/:space/events': { needs: 'read_globals', path: '/api/globals/matrix/events', isStream: true },
  'GET /api/globals/:space': { needs: 'read_globals', path: '/api/globals/matrix' },
  'POST /api/globals/:space': { needs: 'write_globals', path: '/api/globals/matrix', body: { variables: { a: 1 } } },
  'DELETE /api/globals/:space': { needs: 'write_globals', path: '/api/globals/none' },
  'POST /api/globals/:space/:var_name/reveal': { needs: 'reveal', path: '/api/globals/matrix/a/reveal' },
  'GET /api/globals/:space/:var_name': { needs: 'read_globals', path: '/api/globals/matrix/a' },
  'DELETE /api/globals/:space/:var_name': { needs: 'write_globals', path: '/api/globals/matrix/none' },
  'POST /api/playbooks': { needs: 'register', body: { source: SOURCE } },
  'GET /api/playbooks/:path{.+}/schema': { needs: 'read', path: '/api/playbooks/matrix/schema' },
  'POST /api/executions': { needs: 'run', body: { path: 'none' } },
  'GET /api/executions/:id': { needs: 'read', path: '/api/executions/{id}' },
  'POST /api/executions/:id/cancel': { needs: 'run', path: '/api/executions/5/cancel' },
  'POST /api/tasks/claim': { needs: 'work', body: { worker_id: 'w', pool: 'none' } },
  'POST /api/tasks/heartbeat': { needs: 'work', body: { tasks: [{ id: '1-1-1', ...TASK_BODY }] } },
  'POST /api/tasks/complete': { needs: 'work', body: { tasks: [{ id: '1-1-1', ...TASK_BODY }] } },
  'POST /api/tasks/:id/heartbeat': { needs: 'work', path: '/api/tasks/1-1-1/heartbeat', body: TASK_BODY },
  'POST /api/tasks/:id/release': { needs: 'work', path: '/api/tasks/1-1-1/release', body: TASK_BODY },
  'POST /api/tasks/:id/complete': { needs: 'work', path: '/api/tasks/1-1-1/complete', body: TASK_BODY },
  'GET /metrics': { needs: 'read' },
}
