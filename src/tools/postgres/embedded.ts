import { startThread } from '../../core/thread.js'
import type { EmbeddedAnswer, EmbeddedRequest } from './embedded-messages.js'
import type { SqlDatabase } from './pg-session.js'
import { SqlAnswerTooLarge, SqlFault, type SqlNotice, type SqlResult, type SqlSession } from './session.js'

/** The embedded `default` database: PGlite in a thread that a call's end by force terminates, and that the next call reopens. */
export function createEmbeddedDatabase(directory: string): SqlDatabase {
  let thread: DatabaseThread | null = null
  let last: Promise<unknown> = Promise.resolve()

  const stop = async () => {
    const stopping = thread
    thread = null
    await stopping?.terminate()
  }
  return {
    withSession: ({ signal, onNotice }, use) => {
      // PGlite has one connection: calls take turns.
      const turn = last.then(async () => {
        if (signal.aborted) throw new SqlFault('stopped', '')
        thread = thread?.isAlive ? thread : startDatabase(directory)
        const current = thread
        await untilReady(current, signal)
        let isStopped = false
        const abandon = () => {
          isStopped = true
          void stop()
        }
        signal.addEventListener('abort', abandon, { once: true })
        current.onNotice(onNotice)
        try {
          return await use(current.session)
        } finally {
          current.onNotice(() => {})
          signal.removeEventListener('abort', abandon)
          if (!isStopped && !(await isCleaned(current.session))) await stop()
          // Two threads must never have the same files open.
          if (isStopped) await current.exited
        }
      })
      last = turn.catch(() => {})
      return turn
    },
    close: stop,
  }
}

/** Opening may outlast a short timeout: the call ends then, and the thread goes on opening for the next. */
async function untilReady(thread: DatabaseThread, signal: AbortSignal): Promise<void> {
  let stop: () => void = () => {}
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
    signal.addEventListener('abort', stop, { once: true })
  })
  await Promise.race([thread.ready, thread.exited, stopped])
  signal.removeEventListener('abort', stop)
  if (signal.aborted) throw new SqlFault('stopped', '')
}

async function isCleaned(session: SqlSession): Promise<boolean> {
  try {
    await session.query('ROLLBACK')
    await session.query('DISCARD ALL')
    return true
  } catch {
    return false
  }
}

interface DatabaseThread {
  readonly session: SqlSession
  readonly isAlive: boolean
  readonly ready: Promise<void>
  readonly exited: Promise<void>
  /** Who hears notices from now on. */
  onNotice(hear: (notice: SqlNotice) => void): void
  terminate(): Promise<void>
}

interface Waiting {
  resolve(answer: EmbeddedAnswer): void
  reject(error: Error): void
}

function startDatabase(directory: string): DatabaseThread {
  const worker = startThread(new URL('./embedded-worker', import.meta.url), { directory })
  const waiting = new Map<number, Waiting>()
  let nextId = 0
  let isAlive = true
  let hear: (notice: SqlNotice) => void = () => {}
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      isAlive = false
      for (const { reject } of waiting.values()) reject(new SqlFault('the embedded database was stopped', ''))
      waiting.clear()
      resolve()
    })
  })
  // Its exit follows, and answers whoever waits.
  worker.on('error', () => {})
  const ready = new Promise<void>((resolve) => {
    worker.on('message', (answer: EmbeddedAnswer) => {
      if ('isReady' in answer) return resolve()
      if ('notice' in answer) return hear(answer.notice)
      waiting.get(answer.id)?.resolve(answer)
      waiting.delete(answer.id)
    })
  })
  const ask = (request: Omit<EmbeddedRequest, 'id'>): Promise<EmbeddedAnswer> =>
    new Promise((resolve, reject) => {
      if (!isAlive) return reject(new SqlFault('the embedded database was stopped', ''))
      const id = nextId++
      waiting.set(id, { resolve, reject })
      worker.postMessage({ id, ...request })
    })
  return {
    session: {
      query: async (text, values = []) => resultOf(await ask({ operation: 'query', text, values })),
      describe: async (text) => typesOf(await ask({ operation: 'describe', text, values: [] })),
    },
    get isAlive() {
      return isAlive
    },
    ready,
    exited,
    onNotice: (next) => {
      hear = next
    },
    terminate: async () => {
      await worker.terminate()
      await exited
    },
  }
}

function resultOf(answer: EmbeddedAnswer): SqlResult {
  if ('result' in answer) return answer.result
  throw errorOf(answer)
}

function typesOf(answer: EmbeddedAnswer): readonly number[] {
  if ('types' in answer) return answer.types
  throw errorOf(answer)
}

function errorOf(answer: EmbeddedAnswer): Error {
  if ('exceeded' in answer) return new SqlAnswerTooLarge(answer.exceeded)
  if ('fault' in answer) return new SqlFault(answer.fault.message, answer.fault.sqlState, answer.fault.fields)
  return new Error('the embedded database gave another answer than was asked for')
}
