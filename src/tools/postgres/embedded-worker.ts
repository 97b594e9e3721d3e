import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import type { EmbeddedAnswer, EmbeddedRequest } from './embedded-messages.js'
import { runInPortal } from './portal.js'
import { faultOf, SqlAnswerTooLarge, type SqlNotice } from './session.js'

// A statement keeps its thread busy until it ends: on a thread of its own, it can be stopped, and the server goes on.
const { directory }: { directory: string } = workerData
const database = open()
// A failed start is the answer to every request; until the first it must not end the thread.
database.catch(() => {}).finally(() => parentPort?.postMessage({ isReady: true } satisfies EmbeddedAnswer))

parentPort?.on('message', async (request: EmbeddedRequest) => {
  parentPort?.postMessage(await answer(request))
})

/** A new database is made beside its place and then moved there: one that is half made is never found. */
async function open(): Promise<PGlite> {
  if (!existsSync(join(directory, 'PG_VERSION'))) {
    const unfinished = `${directory}.new`
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(dirname(directory), { recursive: true })
    const fresh = await PGlite.create(unfinished)
    await fresh.close()
    await rm(directory, { recursive: true, force: true })
    await rename(unfinished, directory)
  }
  return PGlite.create(directory)
}

async function answer({ id, operation, text, values }: EmbeddedRequest): Promise<EmbeddedAnswer> {
  try {
    const opened = await database
    if (operation === 'describe') {
      const { queryParams } = await opened.describeQuery(text)
      return { id, types: queryParams.map((param) => param.dataTypeID) }
    }
    return { id, result: await runInPortal({ open: opened, onNotice: passOn }, text, values) }
  } catch (error) {
    if (error instanceof SqlAnswerTooLarge) return { id, exceeded: error.limit }
    const { message, sqlState, fields } = faultOf(error)
    return { id, fault: { message, sqlState, fields } }
  }
}

function passOn({ severity, message, detail, hint }: SqlNotice): void {
  parentPort?.postMessage({ notice: { severity, message, detail, hint } } satisfies EmbeddedAnswer)
}
