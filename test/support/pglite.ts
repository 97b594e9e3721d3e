import { setImmediate as turn } from 'node:timers/promises'
import type { PGlite } from '@electric-sql/pglite'
import type { PgliteEngine } from '../../src/db/pglite.js'
import { packetsOn } from '../../src/db/pglite-packet.js'

/**
 * A PGlite in this process: the server's own has a thread, which costs a second to start from source. As from a thread, answers come
 * in a later turn of the event loop.
 */
export function engineOn(pglite: PGlite): PgliteEngine {
  const run = packetsOn(pglite)
  let last: Promise<unknown> = Promise.resolve()
  return {
    run(packet) {
      const answer = last.then(() => turn()).then(() => run(packet))
      last = answer
      return answer
    },
    close: () => pglite.close(),
  }
}
