import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { Database } from '../../src/db/database.js'
import { type KeyRing, NO_KEYS } from '../../src/sealing/key-ring.js'
import { openWebhooks, type Webhooks, type WebhooksParts } from '../../src/webhooks/open.js'

/** Webhooks over a database, which may send to this machine. */
export function openTestWebhooks(
  db: Database,
  keyRing: KeyRing = NO_KEYS,
  parts: Partial<Pick<WebhooksParts, 'isShared' | 'observer'>> = {},
): Promise<Webhooks> {
  const addresses = { allowHosts: [], isLoopbackOpen: true, ownPort: null }
  return openWebhooks({ db, keyRing, addresses, isShared: false, logger: { warn: () => undefined }, ...parts })
}

export interface Received {
  readonly at: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly body: WebhookBody
}

export interface WebhookBody {
  readonly webhook: string
  readonly execution_id: number
  readonly path: string | null
  readonly from_revision: number
  readonly to_revision: number
  readonly changes: readonly {
    readonly revision: number
    readonly name: string
    readonly value: unknown
    readonly is_trimmed?: true
  }[]
  readonly events: readonly {
    readonly name: string
    readonly revision: number
    readonly step: string | null
    readonly data: unknown
  }[]
}

export type Answering = (response: ServerResponse, received: Received) => void | Promise<void>

/** A receiver of webhooks as anybody would write one. */
export interface Receiver {
  readonly url: string
  readonly received: Received[]
  /** Requests that are answered now. */
  readonly open: () => number
  readonly mostOpen: () => number
  answer: Answering
  /** Verified by the package that Standard Webhooks publishes; throws where a signature does not hold. */
  verify(secret: string, received: Received): unknown
  close(): Promise<void>
  /** Listens again, on the same port. */
  reopen(): Promise<void>
}

/** Receives webhooks, and acknowledges all of them unless `answer` says otherwise. */
export async function startReceiver(answer: Answering = (response) => void response.writeHead(204).end()): Promise<Receiver> {
  const received: Received[] = []
  let open = 0
  let mostOpen = 0
  const serve = () =>
    createServer(async (request, response) => {
      open += 1
      mostOpen = Math.max(mostOpen, open)
      response.on('close', () => {
        open -= 1
      })
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const text = Buffer.concat(chunks).toString()
      const one = { at: performance.now(), headers: request.headers, text, body: JSON.parse(text) as WebhookBody }
      received.push(one)
      await receiver.answer(response, one)
    })
  let server = serve()
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const { port } = server.address() as AddressInfo
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    open: () => open,
    mostOpen: () => mostOpen,
    answer,
    verify: (secret, { text, headers }) => new Webhook(secret).verify(text, headers as Record<string, string>),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    async reopen() {
      server = serve()
      await listen(port)
    },
  }
  return receiver
}
