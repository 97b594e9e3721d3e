import type { Context } from 'hono'
import type { UntilResponse } from '../../contract/variables.js'
import { TransientError } from '../../core/errors.js'
import { parseExecutionId } from '../../core/ids.js'
import { type JsonObject, LosslessNumber } from '../../core/json.js'
import { linkSignals } from '../../core/linked-signal.js'
import { waitUntil } from '../../variables/until.js'
import { jsonResponse, type RestEnv, servicesOf } from '../context.js'
import { waitSeconds, wholeNumber } from '../query.js'

/** GET /api/vars/{execution_id}?until=vars.progress >= 1&after_revision=N&wait=30; `closing` ends every wait, with what there is. */
export function createUntil(closing?: AbortSignal): (context: Context<RestEnv>, until: string) => Promise<Response> {
  return async (context, until) => {
    const id = context.req.param('execution_id')
    if (id === undefined)
      throw new TransientError('VALIDATION', 'until: only variables of an execution can be waited for', {
        details: { field: 'until' },
      })
    const executionId = parseExecutionId(id, 'execution_id')
    const afterRevision = wholeNumber(context.req.query('after_revision'), 'after_revision')
    const waitMs = waitSeconds(context.req.query('wait')) * 1000
    const { signal, abort } = linkSignals([context.req.raw.signal, closing])
    const answered = waitUntil(servicesOf(context).variables, { executionId, until, afterRevision, waitMs, signal })
    const { revision, isMatched, variables } = await answered.finally(() => abort())
    const body: UntilResponse = { execution_id: new LosslessNumber(executionId), revision, matched: isMatched, variables }
    return jsonResponse(body as JsonObject, { headers: { revision: String(revision) } })
  }
}
