import type { Hono } from 'hono'
import { TransientError } from '../core/errors.js'
import { limitBody } from '../rest/body.js'
import { jsonResponse, type RestEnv } from '../rest/context.js'
import { refuseOtherMethods } from '../rest/problem.js'
import type { TriggerReceiver } from '../webhooks/inbound/receiver.js'

const HOOK_PATH = '/hooks/:name'

/** Requests from outside that start executions: they are signed, and need no credential of this server. */
export function addHooks(app: Hono<RestEnv>, receiver: TriggerReceiver): void {
  app.use(HOOK_PATH, limitBody())
  app.post(HOOK_PATH, async ({ req }) => {
    const body = Buffer.from(await req.raw.arrayBuffer().catch(cutOff))
    const answer = await receiver.receive(req.param('name'), { body, headers: req.header() })
    return 'challenge' in answer
      ? jsonResponse({ challenge: answer.challenge })
      : jsonResponse({ execution_id: answer.executionId }, { status: 202 })
  })
  refuseOtherMethods(app, HOOK_PATH, ['POST'])
}

function cutOff(): never {
  throw new TransientError('BAD_REQUEST', 'the request was cut off')
}
