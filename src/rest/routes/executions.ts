import type { Context, Hono } from 'hono'
import type { z } from 'zod'
import {
  answerRequest,
  cancelExecutionRequest,
  startExecutionRequest,
  startExecutionsRequest,
} from '../../contract/executions.js'
import { parseShape } from '../../contract/shape.js'
import { TransientError } from '../../core/errors.js'
import { type ExecutionId, parseExecutionId } from '../../core/ids.js'
import { isJsonObject, type JsonObject } from '../../core/json.js'
import type { ExecutionRecord } from '../../executions/record.js'
import { answerBody, executionBody } from '../bodies.js'
import { readJsonBody, readOptionalJson } from '../body.js'
import { actorOf, jsonResponse, type RestEnv, servicesOf } from '../context.js'
import { refuseOtherMethods } from '../problem.js'

const EXECUTIONS_PATH = '/api/executions'
const EXECUTION_PATH = '/api/executions/:id'
const CANCEL_PATH = '/api/executions/:id/cancel'
const ANSWER_PATH = '/api/executions/:id/steps/:run/answer'
const MAX_KEY_LENGTH = 255
const MAX_RUN = 2 ** 31 - 1

function idOf(context: Context): ExecutionId {
  return parseExecutionId(context.req.param('id') ?? '', 'id')
}

/** @throws TransientError VALIDATION */
function runOf(context: Context): number {
  const text = context.req.param('run') ?? ''
  const run = Number(text)
  if (/^[0-9]{1,10}$/.test(text) && run >= 1 && run <= MAX_RUN) return run
  throw new TransientError('VALIDATION', 'run: a run is a number from 1', { details: { field: 'run' } })
}

function answerExecution(execution: ExecutionRecord, status = 200): Response {
  const headers = status === 201 ? { location: `${EXECUTIONS_PATH}/${execution.id}` } : {}
  return jsonResponse(executionBody(execution) as JsonObject, { status, headers })
}

function idempotencyKeyOf(context: Context): string | null {
  const key = context.req.header('idempotency-key')
  if (key === undefined) return null
  if (key !== '' && key.length <= MAX_KEY_LENGTH) return key
  throw new TransientError(
    'VALIDATION',
    `Idempotency-Key: it has ${key.length} characters, 1 to ${MAX_KEY_LENGTH} are possible`,
    {
      details: { field: 'Idempotency-Key' },
    },
  )
}

async function startSeveral(context: Context<RestEnv>, { inputs }: z.infer<typeof startExecutionsRequest>): Promise<Response> {
  const requests = inputs.map(({ idempotency_key: idempotencyKey, ...request }) => ({ ...request, idempotencyKey }))
  const started = await servicesOf(context).orchestrator.startSeveral(requests)
  return jsonResponse({ executions: started.map((one) => executionBody(one) as JsonObject) }, { status: 201 })
}

/** Starting, reading and cancelling executions. Ids are strings here. */
export function addExecutionsRoutes(app: Hono<RestEnv>): void {
  app.post(EXECUTIONS_PATH, async (context) => {
    const idempotencyKey = idempotencyKeyOf(context)
    const body = await readJsonBody(context)
    if (isJsonObject(body) && 'inputs' in body) return startSeveral(context, parseShape(startExecutionsRequest, body))
    const request = parseShape(startExecutionRequest, body)
    return answerExecution(await servicesOf(context).orchestrator.start({ ...request, idempotencyKey }), 201)
  })
  refuseOtherMethods(app, EXECUTIONS_PATH, ['POST'])

  app.get(EXECUTION_PATH, async (context) => answerExecution(await servicesOf(context).executions.get(idOf(context))))
  refuseOtherMethods(app, EXECUTION_PATH, ['GET'])

  app.post(CANCEL_PATH, async (context) => {
    const id = idOf(context)
    const { reason } = await readOptionalJson(context, cancelExecutionRequest)
    return answerExecution(await servicesOf(context).orchestrator.cancel(id, reason ?? null, actorOf(context)))
  })
  refuseOtherMethods(app, CANCEL_PATH, ['POST'])

  app.post(`${EXECUTION_PATH}/pause`, async (context) => {
    const id = idOf(context)
    const { reason } = await readOptionalJson(context, cancelExecutionRequest)
    return answerExecution(await servicesOf(context).orchestrator.pause(id, reason ?? null, actorOf(context)))
  })
  refuseOtherMethods(app, `${EXECUTION_PATH}/pause`, ['POST'])
  app.post(`${EXECUTION_PATH}/resume`, async (context) =>
    answerExecution(await servicesOf(context).orchestrator.resume(idOf(context), actorOf(context))),
  )
  refuseOtherMethods(app, `${EXECUTION_PATH}/resume`, ['POST'])

  app.post(ANSWER_PATH, async (context) => {
    const executionId = idOf(context)
    const run = runOf(context)
    const { values } = parseShape(answerRequest, await readJsonBody(context))
    const { orchestrator, executions } = servicesOf(context)
    await orchestrator.answer({ executionId, run, values, actor: actorOf(context) })
    const answered = await executions.stepRun(executionId, run)
    if (answered === null) throw new TransientError('NOT_FOUND', `execution ${executionId} has no run ${run}`)
    return jsonResponse(answerBody(answered) as JsonObject)
  })
  refuseOtherMethods(app, ANSWER_PATH, ['POST'])
}
