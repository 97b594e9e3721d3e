import { setTimeout as sleep } from 'node:timers/promises'

const ANSWER_WITHIN_MS = 4_000
const PAUSE_MS = 100
const WITHIN_MS = 110_000

/** Posts until a server has understood, however often it dies meanwhile: the same request each time. */
async function postPatiently<T>(url: string, body: object, headers: Record<string, string>): Promise<T> {
  const deadline = Date.now() + WITHIN_MS
  for (;;) {
    const answer = await post(url, body, headers).catch(() => null)
    if (answer?.ok) return (await answer.json()) as T
    if (answer !== null && answer.status < 500) throw new Error(`refused: ${answer.status} ${await answer.text()}`)
    if (Date.now() > deadline) throw new Error(`no answer from ${url} within ${WITHIN_MS} ms`)
    await sleep(PAUSE_MS)
  }
}

/** Starts an execution once, however often it has to ask. */
export async function startPatiently(url: string, start: { path: string; key: string }): Promise<string> {
  const headers = { 'idempotency-key': start.key }
  return (await postPatiently<{ id: string }>(`${url}/api/executions`, { path: start.path }, headers)).id
}

function post(url: string, body: object, more: Record<string, string>): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...more }
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
}
