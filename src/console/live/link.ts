import type { Client } from 'graphql-ws'
import { demandLogin, session } from '../app/session.js'
import { createStore } from '../lib/store.js'
import { createSocket } from './socket.js'

/** Of the socket. `idle`: nothing on the page needs it. */
export type Phase = 'idle' | 'connecting' | 'connected' | 'offline'

export interface Link {
  readonly phase: Phase
  /** When this phase began, as `Date.now()`. */
  readonly since: number
}

const FORBIDDEN = 4403
const NORMAL = 1000
const FIRST_DELAY_MS = 250
const MAX_DELAY_MS = 4_000

export const link = createStore<Link>({ phase: 'idle', since: Date.now() })

function enter(phase: Phase): void {
  if (link.get().phase !== phase) link.set({ phase, since: Date.now() })
}

let failures = 0
let users = 0
const waiting = new Set<() => void>()

/** The one socket; a new one after each login, because a socket says only once who calls. */
let socket: Client | null = null
session.subscribe(() => {
  const old = socket
  socket = null
  old?.terminate()
  retryNow()
})

export function openSocket(): Client {
  socket ??= createSocket({
    onOpen: () => {
      failures = 0
      enter('connected')
    },
    onClose: (code) => {
      if (code === FORBIDDEN) demandLogin('The server wants to know who watches: log in with a key.')
      if (users === 0 || code === NORMAL) enter('idle')
      else enter('offline')
    },
  })
  if (link.get().phase === 'idle') enter('connecting')
  return socket
}

/** Counts who needs the socket; answers the function that gives it back. */
export function holdLink(): () => void {
  users += 1
  return () => {
    users -= 1
    if (users === 0) enter('idle')
  }
}

/** Waits before the next attempt: longer each time, less when the network is back or somebody asks. */
export function untilRetry(signal: AbortSignal): Promise<void> {
  failures += 1
  enter('offline')
  const delay = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 1.6 ** (failures - 1)) * (0.75 + Math.random() / 2)
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      waiting.delete(done)
      resolve()
    }
    const timer = setTimeout(done, delay)
    waiting.add(done)
    signal.addEventListener('abort', done, { once: true })
  })
}

export function retryNow(): void {
  failures = 0
  for (const done of [...waiting]) done()
}

window.addEventListener('online', retryNow)
