import type { Client } from 'graphql-ws'
import { refuse } from '../app/admission.js'
import { session } from '../app/session.js'
import { isReachable } from '../lib/client.js'
import { createStore } from '../lib/store.js'
import { createSocket } from './socket.js'

/** Of the socket. `idle`: nothing on the page needs it. */
export type Phase = 'idle' | 'connecting' | 'connected' | 'offline'

export interface Link {
  readonly phase: Phase
  /** When this phase began, as `Date.now()`. */
  readonly since: number
}

/** The server closes so whom it does not know. */
export const FORBIDDEN = 4403
const UNKNOWN_CALLER = 'The server wants to know who watches: log in with a key.'
const NORMAL = 1000
const FIRST_DELAY_MS = 250
const MAX_DELAY_MS = 4_000

export const link = createStore<Link>({ phase: 'idle', since: Date.now() })

let failures = 0
let users = 0
let isOpen = false
/** Since the socket was last open, something went wrong. */
let hasFailed = false
const waiting = new Set<() => void>()

/** What is known now decides, and not the order in which it became known: a socket may outlive whoever used it last. */
function phaseNow(): Phase {
  if (users === 0) return 'idle'
  if (waiting.size > 0 || (hasFailed && !isOpen)) return 'offline'
  return isOpen ? 'connected' : 'connecting'
}

function settle(): void {
  if (users === 0) hasFailed = false
  const phase = phaseNow()
  if (link.get().phase !== phase) link.set({ phase, since: Date.now() })
}

/** The one socket; a new one after each login, because a socket says only once who calls. */
let socket: Client | null = null
let credential = session.get().key
session.subscribe(() => {
  const { key } = session.get()
  if (key === credential) return
  credential = key
  const old = socket
  socket = null
  isOpen = false
  old?.terminate()
  retryNow()
})

export function openSocket(): Client {
  if (socket !== null) return socket
  const shown = credential
  // What an older socket still says is about another login.
  const opened: Client = createSocket({
    onOpen: () => {
      if (socket !== opened) return
      failures = 0
      isOpen = true
      hasFailed = false
      isReachable.set(true)
      settle()
    },
    onClose: (code) => {
      if (code === FORBIDDEN) refuse(shown, UNKNOWN_CALLER)
      if (socket !== opened) return
      isOpen = false
      hasFailed = code !== NORMAL
      settle()
    },
  })
  socket = opened
  return opened
}

/** Counts who needs the socket; returns the function that gives it back. */
export function holdLink(): () => void {
  users += 1
  settle()
  return () => {
    users -= 1
    settle()
  }
}

/** Waits before the next attempt: longer each time, less when the network is back or somebody asks. */
export function untilRetry(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  failures += 1
  hasFailed = true
  const delay = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 1.6 ** (failures - 1)) * (0.75 + Math.random() / 2)
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      waiting.delete(done)
      signal.removeEventListener('abort', done)
      settle()
      resolve()
    }
    const timer = setTimeout(done, delay)
    waiting.add(done)
    signal.addEventListener('abort', done, { once: true })
    settle()
  })
}

export function retryNow(): void {
  failures = 0
  for (const done of [...waiting]) done()
}

window.addEventListener('online', retryNow)
