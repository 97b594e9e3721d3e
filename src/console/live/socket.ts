import { type Client, createClient } from 'graphql-ws'
import { parseJson } from '../../core/json.js'
import { session } from '../app/session.js'

const PING_MS = 8_000

/** A WebSocket whose messages arrive parsed, with all digits: graphql-ws takes an object as it is. */
class ExactSocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols)
    Object.defineProperty(this, 'onmessage', {
      set: (handler: (event: { data: unknown }) => void) =>
        this.addEventListener('message', ({ data }) => handler({ data: parseJson(String(data)) })),
    })
  }
}

export interface SocketListeners {
  readonly onOpen: () => void
  readonly onClose: (code: number) => void
}

/**
 * One socket for all subscriptions of the page. It does not reconnect by itself: whoever follows something must ask again
 * from the last revision that it saw, which only it knows.
 */
export function createSocket({ onOpen, onClose }: SocketListeners): Client {
  let pong: ReturnType<typeof setTimeout> | undefined
  const client: Client = createClient({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
    webSocketImpl: ExactSocket,
    retryAttempts: 0,
    lazyCloseTimeout: 2_000,
    keepAlive: PING_MS,
    connectionParams: () => {
      const { key } = session.get()
      return key === null ? {} : { authorization: `Bearer ${key}` }
    },
    on: {
      connected: onOpen,
      closed: (event) => {
        clearTimeout(pong)
        onClose((event as CloseEvent).code)
      },
      // A line that silently broke counts as closed half a ping later.
      ping: (isReceived) => {
        if (!isReceived) pong = setTimeout(() => client.terminate(), PING_MS / 2)
      },
      pong: (isReceived) => {
        if (isReceived) clearTimeout(pong)
      },
    },
  })
  return client
}
