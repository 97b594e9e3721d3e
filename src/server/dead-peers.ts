import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { connectionKey, type Retransmissions, readRetransmissions } from './tcp-table.js'

const LOOK_EVERY_MS = 3_000
/** With the pings of event streams (12 s) and the time between two looks that makes 30 s at most. */
const DEAD_AFTER_MS = 12_000
/** A far peer may leave a few unanswered for a moment. */
const DEAD_AFTER_SENDINGS = 4

interface Unanswered {
  readonly since: number
  readonly count: number
}

/**
 * Says which connections are dead: those of which nothing was acknowledged for 12 s, over which the kernel sent the same bytes
 * again and again. Told what it sees (times in milliseconds); pure but for its memory.
 */
export function createDeadPeerRule(): (now: number, seen: Retransmissions) => string[] {
  let known = new Map<string, Unanswered>()
  return (now, seen) => {
    const next = new Map<string, Unanswered>()
    for (const [key, count] of seen) {
      const before = known.get(key)
      // Fewer than before: something was acknowledged meanwhile.
      next.set(key, { since: before !== undefined && count >= before.count ? before.since : now, count })
    }
    known = next
    return [...next]
      .filter(([, { since, count }]) => now - since >= DEAD_AFTER_MS && count >= DEAD_AFTER_SENDINGS)
      .map(([key]) => key)
  }
}

/**
 * Cuts connections whose peer has silently disappeared while something was on its way to it, within 30 s: an event stream has no
 * pings, and TCP itself would try for a quarter of an hour (decision 27). Where the kernel's table cannot be read, nothing is cut.
 */
export function cutDeadPeers(server: Server): void {
  const sockets = new Set<Socket>()
  const findDead = createDeadPeerRule()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  async function look(): Promise<void> {
    if (sockets.size === 0) return
    const seen = await readRetransmissions()
    if (seen === null) return clearInterval(looking)
    const dead = new Set(findDead(performance.now(), seen))
    if (dead.size === 0) return
    for (const socket of sockets) if (dead.has(keyOf(socket))) socket.resetAndDestroy()
  }
  const looking = setInterval(() => void look(), LOOK_EVERY_MS)
  looking.unref()
  server.once('close', () => clearInterval(looking))
}

function keyOf({ localPort, remoteAddress, remotePort }: Socket): string {
  if (localPort === undefined || remoteAddress === undefined || remotePort === undefined) return ''
  return connectionKey({ localPort, remoteAddress, remotePort })
}
