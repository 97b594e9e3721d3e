import type { Hono } from 'hono'
import { claimTaskRequest, completeTaskRequest, heartbeatTaskRequest } from '../../contract/tasks.js'
import { TransientError } from '../../core/errors.js'
import type { JsonObject } from '../../core/json.js'
import { taskBody } from '../bodies.js'
import { readJson } from '../body.js'
import { answerJson, type RestEnv, servicesOf } from '../context.js'
import { refuseOtherMethods } from '../problem.js'

const CLAIM_PATH = '/api/tasks/claim'
const HEARTBEAT_PATH = '/api/tasks/:id/heartbeat'
const RELEASE_PATH = '/api/tasks/:id/release'
const COMPLETE_PATH = '/api/tasks/:id/complete'

/** What a worker in any language calls: the same operations as in GraphQL, in snake_case. */
export function addTasksRoutes(app: Hono<RestEnv>): void {
  app.post(CLAIM_PATH, async (context) => {
    const { pool, worker_id: workerId, wait_ms: waitMs } = await readJson(context, claimTaskRequest)
    const task = await servicesOf(context).orchestrator.claim({ pool, workerId, waitMs, signal: context.req.raw.signal })
    return answerJson(task === null ? null : (taskBody(task) as JsonObject))
  })
  refuseOtherMethods(app, CLAIM_PATH, ['POST'])

  app.post(HEARTBEAT_PATH, async (context) => {
    const request = await readJson(context, heartbeatTaskRequest)
    return answerJson(
      taskBody(await servicesOf(context).orchestrator.heartbeat({ taskId: context.req.param('id'), ...request })) as JsonObject,
    )
  })
  refuseOtherMethods(app, HEARTBEAT_PATH, ['POST'])

  app.post(RELEASE_PATH, async (context) => {
    await servicesOf(context).orchestrator.release({
      taskId: context.req.param('id'),
      ...(await readJson(context, heartbeatTaskRequest)),
    })
    return answerJson({ released: true })
  })
  refuseOtherMethods(app, RELEASE_PATH, ['POST'])

  app.post(COMPLETE_PATH, async (context) => {
    const request = await readJson(context, completeTaskRequest)
    if (request.result !== undefined && request.error) {
      throw new TransientError('VALIDATION', 'error: an attempt has a result or an error, not both', {
        details: { field: 'error' },
      })
    }
    const result = request.error?.data ?? request.result
    const { isAccepted, revision } = await servicesOf(context).orchestrator.complete({
      taskId: context.req.param('id'),
      ...request,
      result,
    })
    return answerJson({ accepted: isAccepted, revision })
  })
  refuseOtherMethods(app, COMPLETE_PATH, ['POST'])
}
