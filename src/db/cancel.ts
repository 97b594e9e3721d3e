import { createConnection } from 'node:net'
import type pg from 'pg'

const CANCEL_REQUEST = 80_877_102
/** The request has no answer: the server closes the connection when it has passed it on. */
const GIVE_UP_MS = 2_000

/** What the driver knows of a connection, and its types do not say. */
interface Session {
  readonly host: string
  readonly port: number
  readonly processID: number | null
  readonly secretKey: number | null
}

/**
 * Asks PostgreSQL to end what a connection runs; the error comes on that connection. It may come late, and meet the next statement:
 * nothing else may use the connection afterwards. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export function cancelStatement(client: pg.ClientBase): void {
  const { host, port, processID, secretKey } = client as unknown as Session
  if (processID === null || secretKey === null) return
  const request = Buffer.alloc(16)
  for (const [index, part] of [16, CANCEL_REQUEST, processID, secretKey].entries()) request.writeInt32BE(part, 4 * index)
  const socket = createConnection(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port })
  socket.on('error', () => undefined)
  socket.setTimeout(GIVE_UP_MS, () => socket.destroy())
  socket.unref().resume().end(request)
}
