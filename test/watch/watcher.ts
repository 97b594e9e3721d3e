import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { ClientLine, LoggedChange } from './record.js'
import { keyOf } from './stream.js'

const DOCUMENT = `subscription ($executionId: ID, $space: String, $after: Revision) {
  variableChanged(executionId: $executionId, space: $space, afterRevision: $after) {
  kind revision changes { name operation value } } }`

/** Left of its own will, for the next instance. */
const MOVED_ON = 1000

export interface WatcherOptions {
  /** The instances, visited in turn. */
  readonly urls: readonly string[]
  readonly executionId: string
  readonly log: (line: ClientLine) => void
  readonly after?: number | null
  /** Goes to the next instance after about so many changes. */
  readonly changesPerConnection?: number
  readonly onMessage?: (kind: string, revision: number, at: number) => void
}

export interface Watcher {
  readonly revision: () => number
  readonly connections: () => number
  /** Resolves once a revision has come. */
  until(revision: number, withinMs: number): Promise<void>
  stop(): Promise<void>
}

interface Event {
  readonly kind: 'SUBSCRIBED' | 'CHANGED' | 'BOOKMARK'
  readonly revision: number
  readonly changes: readonly { readonly name: string; readonly operation: string; readonly value: unknown }[]
}

/** A client of graphql-transport-ws that writes down all it sees, and resumes after every disconnect. */
export function startWatcher(options: WatcherOptions): Watcher {
  const { urls, executionId, log } = options
  let last: number | null = options.after ?? null
  let visits = 0
  let isStopped = false
  const sockets = new Set<WebSocket>()
  const waiting = new Set<() => void>()

  function visit(): Promise<number> {
    const instance = urls[visits % urls.length] ?? ''
    visits += 1
    return new Promise((resolve) => {
      const socket = new WebSocket(`${instance.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
      sockets.add(socket)
      let changes = 0
      let isDead = false
      const end = (code: number): void => {
        if (isDead) return
        // Whatever still arrives on a dead socket is dropped.
        isDead = true
        log({ event: 'disconnect', at: performance.now(), code })
        sockets.delete(socket)
        socket.terminate()
        resolve(code)
      }
      socket.on('error', () => end(0))
      socket.on('close', (code) => end(code))
      socket.on('open', () => {
        log({ event: 'connect', at: performance.now(), instance, after: last })
        socket.send('{"type":"connection_init"}')
        const payload = { query: DOCUMENT, variables: { ...keyOf(executionId), after: last } }
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload }))
      })
      socket.on('message', (data) => {
        if (isDead) return
        const message = JSON.parse(String(data)) as { type: string; payload: { data: { variableChanged: Event } } }
        if (message.type === 'error') throw new Error(`the watch was refused: ${String(data)}`)
        if (message.type !== 'next') return
        changes += receive(message.payload.data.variableChanged)
        if (changes >= (options.changesPerConnection ?? Number.POSITIVE_INFINITY)) end(MOVED_ON)
      })
    })
  }

  function receive({ kind, revision, changes }: Event): number {
    const at = performance.now()
    const logged = changes.map(({ name, operation, value }): LoggedChange => [name, operation, value])
    log({ event: 'message', at, kind, revision, changes: logged })
    last = Math.max(last ?? 0, revision)
    options.onMessage?.(kind, revision, at)
    for (const check of waiting) check()
    return changes.length
  }

  const ended = (async () => {
    while (!isStopped) {
      const code = await visit()
      // As fast as it goes while all is well; a server that is away is not hammered.
      if (!isStopped && code !== MOVED_ON) await sleep(20)
    }
  })()

  return {
    revision: () => last ?? 0,
    connections: () => visits,
    until: (revision, withinMs) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if ((last ?? -1) < revision) return
          clearTimeout(timer)
          waiting.delete(check)
          resolve()
        }
        const timer = setTimeout(() => {
          waiting.delete(check)
          reject(new Error(`the watcher of ${executionId} is at ${last}, not at ${revision}, after ${withinMs} ms`))
        }, withinMs)
        waiting.add(check)
        check()
      }),
    async stop() {
      isStopped = true
      for (const socket of sockets) socket.terminate()
      await ended
    },
  }
}
