import type { Hono } from 'hono'
import { claimTaskRequest, heartbeatTaskRequest, readCompletion } from '../../contract/tasks.js'
import type { JsonObject } from '../../core/json.js'
import { taskBody } from '../bodies.js'
import { readJson, readJsonBody } from '../body.js'
import { jsonResponse, type RestEnv, servicesOf } from '../context.js'
import { refuseOtherMethods } from '../problem.js'

const CLAIM_PATH = '/api/tasks/claim'
const HEARTBEAT_PATH = '/api/tasks/:id/heartbeat'
const RELEASE_PATH = '/api/tasks/:id/release'
const COMPLETE_PATH = '/api/tasks/:id/complete'

/** What a worker in any language calls: the same operations as in GraphQL, in snake_case. */
export function addTasksRoutes(app: Hono<RestEnv>): void {
  app.post(CLAIM_PATH, async (context) => {
    const { pool, worker_id: workerId, wait_ms: waitMs } = await readJson(context, claimTaskRequest)
    const task = await servicesOf(context).orchestrator.claim({
      pool: pool ?? 'default',
      workerId,
      waitMs: waitMs ?? 0,
      signal: context.req.raw.signal,
    })
    return jsonResponse(task === null ? null : (taskBody(task) as JsonObject))
  })
  refuseOtherMethods(app, CLAIM_PATH, ['POST'])

  app.post(HEARTBEAT_PATH, async (context) => {
    const request = await readJson(context, heartbeatTaskRequest)
    return jsonResponse(
      taskBody(await servicesOf(context).orchestrator.heartbeat({ taskId: context.req.param('id'), ...request })) as JsonObject,
    )
  })
  refuseOtherMethods(app, HEARTBEAT_PATH, ['POST'])

  app.post(RELEASE_PATH, async (context) => {
    await servicesOf(context).orchestrator.release({
      taskId: context.req.param('id'),
      ...(await readJson(context, heartbeatTaskRequest)),
    })
    return jsonResponse({ released: true })
  })
  refuseOtherMethods(app, RELEASE_PATH, ['POST'])

  app.post(COMPLETE_PATH, async (context) => {
    const report = readCompletion(await readJsonBody(context))
    const { isAccepted, revision } = await servicesOf(context).orchestrator.complete({
      taskId: context.req.param('id'),
      ...report,
    })
    return jsonResponse({ accepted: isAccepted, revision })
  })
  refuseOtherMethods(app, COMPLETE_PATH, ['POST'])
}
