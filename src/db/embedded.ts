import type { Worker } from 'node:worker_threads'
import { errorMessage } from '../core/errors.js'
import { startThread } from '../core/thread.js'
import type { PgliteEngine } from './pglite.js'
import type { PacketAnswer, PgliteStatement } from './pglite-packet.js'

export type ThreadRequest = { readonly kind: 'packet'; readonly packet: readonly PgliteStatement[] } | { readonly kind: 'close' }

export type ThreadAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly reason: string }
  /** To the oldest request that has none. */
  | { readonly kind: 'answer'; readonly answer: PacketAnswer }
  | { readonly kind: 'closed' }

interface Waiting {
  resolve(answer: ThreadAnswer): void
  reject(error: Error): void
}

/** Worded so that it is known for what it is: the connection failed, and not the statement. */
function gone(reason = 'closed'): Error {
  return new Error(`connection terminated: the embedded database has stopped (${reason}); start the server again`)
}

/**
 * Opens the PGlite in a folder, on a thread of its own, and brings it up to date.
 * @throws Error when it cannot be opened, or its migrations do not fit this version
 */
export async function openEmbeddedEngine(directory: string): Promise<PgliteEngine> {
  const thread = startThread(new URL('./embedded-thread', import.meta.url), { directory })
  const ask = askingOn(thread)
  const opened = await ask(null)
  if (opened.kind === 'failed') {
    await thread.terminate()
    throw new Error(opened.reason)
  }
  let closing: Promise<unknown> | null = null
  return {
    async run(packet) {
      const answer = await ask({ kind: 'packet', packet })
      if (answer.kind !== 'answer') throw gone()
      return answer.answer
    },
    async close() {
      closing ??= ask({ kind: 'close' })
        .catch(() => undefined)
        .then(() => thread.terminate())
      await closing
    },
  }
}

/** Answers come in the order of the requests; the first, to no request, is whether it could be opened. */
function askingOn(thread: Worker): (request: ThreadRequest | null) => Promise<ThreadAnswer> {
  const waiting: Waiting[] = []
  let end: Error | null = null
  const endWith = (error: Error): void => {
    end ??= error
    for (const { reject } of waiting.splice(0)) reject(end)
  }
  thread.once('error', (error) => endWith(gone(errorMessage(error))))
  thread.once('exit', () => endWith(gone()))
  thread.on('message', (answer: ThreadAnswer) => {
    waiting.shift()?.resolve(answer)
    // It keeps the process alive only while somebody waits for it.
    if (waiting.length === 0) thread.unref()
  })
  return (request) =>
    new Promise((resolve, reject) => {
      if (end !== null) return reject(end)
      if (waiting.length === 0) thread.ref()
      waiting.push({ resolve, reject })
      if (request !== null) thread.postMessage(request)
    })
}
