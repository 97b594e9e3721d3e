import { parseShape } from '../contract/shape.js'
import { untilResponse } from '../contract/variables.js'
import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, parseJson } from '../core/json.js'
import { type Http, responseError } from './http.js'

/** One request waits so long at most. */
const WAIT_MS = 30_000

export interface WaitForOptions {
  /** Revisions from this one on count; without it the present state is the first that is tested. */
  readonly afterRevision?: number | undefined
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** The revision at which a condition held, and all variables as they were then. */
export interface Matched {
  readonly revision: number
  readonly variables: JsonObject
}

interface Waiting extends WaitForOptions {
  readonly id: ExecutionId
  readonly until: string
}

/** Long-polls until the condition holds, each time from where the last request stopped. */
export async function waitFor(
  http: Http,
  { id, until, afterRevision, timeoutMs = Number.POSITIVE_INFINITY, signal }: Waiting,
): Promise<Matched | null> {
  const endsAt = performance.now() + timeoutMs
  for (let after = afterRevision; ; ) {
    const leftMs = Math.max(0, endsAt - performance.now())
    const wait = Math.ceil(Math.min(WAIT_MS, leftMs) / 1000)
    const query = new URLSearchParams({
      until,
      wait: String(wait),
      ...(after === undefined ? {} : { after_revision: String(after) }),
    })
    const response = await http.send({ method: 'GET', path: `/api/vars/${id}?${query}`, signal })
    if (response.status !== 200) throw responseError(response)
    const { matched, revision, variables } = parseShape(untilResponse, parseJson(response.text))
    if (matched) return { revision, variables }
    after = revision
    if (performance.now() >= endsAt) return null
  }
}
