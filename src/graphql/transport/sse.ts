import type { ServerResponse } from 'node:http'
import type { FormattedExecutionResult } from 'graphql'
import { stringifyResult } from '../result.js'
import { EVENTS_TYPE } from './media.js'

const PING_MS = 12_000
/** How long a reader may take nothing before its connection is closed; it resumes by revision. */
const STALL_MS = 30_000

/** Sends results as server-sent events (graphql-sse, distinct connections); ends the stream when the reader leaves. */
export async function sendEvents(
  response: ServerResponse,
  results: AsyncGenerator<FormattedExecutionResult, void, undefined>,
): Promise<void> {
  response.writeHead(200, { 'content-type': EVENTS_TYPE, 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
  response.write(':\n\n')
  const ping = setInterval(() => response.writableNeedDrain || response.write(':\n\n'), PING_MS)
  response.once('close', () => {
    clearInterval(ping)
    void results.return()
  })
  for await (const result of results) {
    if (response.destroyed) return
    if (!response.write(`event: next\ndata: ${stringifyResult(result)}\n\n`)) await drained(response)
  }
  if (!response.destroyed) response.end('event: complete\ndata:\n\n')
}

async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return
  await new Promise<void>((resolve) => {
    const stalled = setTimeout(() => response.destroy(), STALL_MS)
    const finish = (): void => {
      clearTimeout(stalled)
      response.off('drain', finish)
      response.off('close', finish)
      resolve()
    }
    response.once('drain', finish)
    response.once('close', finish)
  })
}
