import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Database } from '../db/database.js'
import { keepIndexes } from '../db/indexes.js'
import { valueIndexes } from '../variables/searchable.js'
import type { Closing } from './closing.js'

const RETRY_MS = 60_000

interface SearchableParts {
  readonly db: Database
  readonly databaseUrl: string
  readonly names: readonly string[]
  readonly logger: Logger
  readonly closing: Closing
}

/** Makes and drops the indexes of `SEARCHABLE` beside everything else: until one is there, its searches look at all variables of the name. */
export function keepSearchable({ db, databaseUrl, names, logger, closing }: SearchableParts): void {
  const stopping = new AbortController()
  const { signal } = stopping
  async function keep(): Promise<void> {
    while (!signal.aborted) {
      try {
        const isChanged = await keepIndexes({ db, databaseUrl, signal, ...valueIndexes(names) })
        if (isChanged) logger.info({ names }, 'the indexes of SEARCHABLE are made')
        return
      } catch (error) {
        if (signal.aborted) return
        logger.warn({ names, err: error }, 'the indexes of SEARCHABLE are not made; they are tried again in a minute')
        await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined)
      }
    }
  }
  const keeping = keep()
  closing.add('indexes', async () => {
    stopping.abort()
    await keeping
  })
}
