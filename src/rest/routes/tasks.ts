import type { Hono } from 'hono'
import { toProblem } from '../../contract/problem.js'
import { parseShape } from '../../contract/shape.js'
import { claimTaskRequest, heartbeatTaskRequest, namedTask, readCompletion, tasksRequest } from '../../contract/tasks.js'
import { isTransientError } from '../../core/errors.js'
import type { JsonObject } from '../../core/json.js'
import type { Services } from '../../orchestrator/services.js'
import { taskBody } from '../bodies.js'
import { readJson, readJsonBody } from '../body.js'
import { jsonResponse, type RestEnv, type RestLogger, servicesOf } from '../context.js'
import { refuseOtherMethods, toClientError } from '../problem.js'

const CLAIM_PATH = '/api/tasks/claim'
const HEARTBEAT_PATH = '/api/tasks/:id/heartbeat'
const RELEASE_PATH = '/api/tasks/:id/release'
const COMPLETE_PATH = '/api/tasks/:id/complete'

const HEARTBEATS_PATH = '/api/tasks/heartbeat'
const COMPLETIONS_PATH = '/api/tasks/complete'

/** What a worker in any language calls: the same operations as in GraphQL, in snake_case. */
export function addTasksRoutes(app: Hono<RestEnv>, logger: RestLogger): void {
  app.post(CLAIM_PATH, async (context) => {
    const { pool, worker_id: workerId, wait_ms: waitMs, max } = await readJson(context, claimTaskRequest)
    const request = { pool: pool ?? 'default', workerId, waitMs: waitMs ?? 0, signal: context.req.raw.signal }
    const { orchestrator } = servicesOf(context)
    if (typeof max === 'number') {
      const tasks = await orchestrator.claimSeveral({ ...request, max })
      return jsonResponse({ tasks: tasks.map((task) => taskBody(task) as JsonObject) })
    }
    const task = await orchestrator.claim(request)
    return jsonResponse(task === null ? null : (taskBody(task) as JsonObject))
  })
  refuseOtherMethods(app, CLAIM_PATH, ['POST'])

  addSeveral(HEARTBEATS_PATH, async ({ orchestrator }, taskId, body) => {
    const { lease_until } = taskBody(await orchestrator.heartbeat({ taskId, ...parseShape(heartbeatTaskRequest, body) }))
    return { lease_until }
  })
  addSeveral(COMPLETIONS_PATH, async ({ orchestrator }, taskId, body) => {
    const { isAccepted, revision } = await orchestrator.complete({ taskId, ...readCompletion(body) })
    return { accepted: isAccepted, revision }
  })

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

  /** The same for several tasks: each is carried out, or refused with a problem of its own, as if it came alone. */
  function addSeveral(
    path: string,
    perform: (services: Services, taskId: string, body: JsonObject) => Promise<JsonObject>,
  ): void {
    app.post(path, async (context) => {
      const { tasks } = await readJson(context, tasksRequest)
      const services = servicesOf(context)
      const answers = tasks.map(async (given) => {
        const { id, ...body } = parseShape(namedTask, given)
        return { id, ...(await perform(services, id, body as JsonObject)) }
      })
      const settled = await Promise.allSettled(answers)
      // Forbidden is what the caller may not do with any of them.
      const forbidden = settled.find(
        (one) => one.status === 'rejected' && isTransientError(one.reason) && one.reason.code === 'FORBIDDEN',
      )
      if (forbidden?.status === 'rejected') throw forbidden.reason
      return jsonResponse({
        tasks: settled.map((one, index) => (one.status === 'fulfilled' ? one.value : refused(tasks[index], one.reason))),
      })
    })
    refuseOtherMethods(app, path, ['POST'])
  }

  function refused(given: JsonObject | undefined, reason: unknown): JsonObject {
    const id = typeof given?.['id'] === 'string' ? given['id'] : ''
    return { id, problem: toProblem(toClientError(reason, logger)) }
  }
}
