import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { errorMessage } from '../core/errors.js'
import type { ThreadAnswer, ThreadRequest } from './embedded.js'
import { migratePglite } from './migrate.js'
import { packetsOn } from './pglite-packet.js'

// PGlite keeps its thread busy until a statement has ended: on a thread of its own the server goes on meanwhile.
const { directory }: { readonly directory: string } = workerData

async function open(): Promise<PGlite> {
  const pglite = await PGlite.create({ dataDir: directory })
  try {
    await migratePglite(pglite)
    return pglite
  } catch (error) {
    await pglite.close()
    throw error
  }
}

/** Requests are carried out one after the other, as they come. */
function serve(pglite: PGlite): void {
  const run = packetsOn(pglite)
  let last: Promise<void> = Promise.resolve()
  parentPort?.on('message', (request: ThreadRequest) => {
    last = last.then(async () => {
      if (request.kind === 'packet') return post({ kind: 'answer', answer: await run(request.packet) })
      await pglite.close()
      post({ kind: 'closed' })
    })
  })
  post({ kind: 'ready' })
}

function post(answer: ThreadAnswer): void {
  parentPort?.postMessage(answer)
}

open().then(serve, (error: unknown) => post({ kind: 'failed', reason: errorMessage(error) }))
