import type { ServerResponse } from 'node:http'
import type { ResultStream } from '../result-stream.js'
import { EVENTS_TYPE } from './media.js'

const PING_MS = 12_000
/** How long a reader may take nothing before its connection is closed; it resumes by revision. */
const STALL_MS = 30_000
/** What many subscribers get is copied for each of them only while it is small. */
const SHARED_FROM_BYTES = 16 * 1024
const COMPLETE = 'event: complete\ndata:\n\n'

/** Sends results as server-sent events (graphql-sse, distinct connections); ends the stream when the reader leaves. */
export async function sendStream(response: ServerResponse, messages: ResultStream): Promise<void> {
  // It left before there was anything to send: nothing says so any more.
  if (response.destroyed) return messages.close()
  open(response)
  const ping = setInterval(() => response.writableNeedDrain || response.write(':\n\n'), PING_MS)
  response.once('close', () => {
    clearInterval(ping)
    messages.close()
  })
  for (let next = await messages.next(); next !== null; next = await messages.next()) {
    if (response.destroyed) return
    response.cork()
    response.write('event: next\ndata: ')
    response.write(next.bytes < SHARED_FROM_BYTES ? next.text : next.buffer())
    const isTaken = response.write('\n\n')
    response.uncork()
    if (!isTaken) await drained(response)
  }
  if (!response.destroyed) response.end(COMPLETE)
}

/** A single result, for a client that takes nothing but events. */
export function sendOnly(response: ServerResponse, text: string): void {
  open(response)
  response.end(`event: next\ndata: ${text}\n\n${COMPLETE}`)
}

function open(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': EVENTS_TYPE, 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
  response.write(':\n\n')
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
