import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite, type Results } from '@electric-sql/pglite'
import { ANSWER_LIMIT } from '../outcome.js'
import type { EmbeddedAnswer, EmbeddedFault, EmbeddedRequest } from './embedded-messages.js'
import type { SqlResult } from './session.js'

// A statement keeps its thread busy until it ends: on a thread of its own, it can be stopped, and the server goes on.
const { directory }: { directory: string } = workerData
const database = open()
// A failed start is the answer to every request; until the first it must not end the thread.
database.catch(() => {}).finally(() => parentPort?.postMessage({ isReady: true } satisfies EmbeddedAnswer))

type Converters = Record<number, (value: string) => string>

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
    const result = await runQuery(opened, text, values)
    return sizeOf(result) > ANSWER_LIMIT ? { id, isTooLarge: true } : { id, result }
  } catch (error) {
    return { id, fault: faultOf(error) }
  }
}

async function runQuery(open: PGlite, text: string, values: readonly (string | null)[]): Promise<SqlResult> {
  const { rows, fields, affectedRows }: Results<(string | null)[]> = await open.query(text, [...values], {
    rowMode: 'array',
    parsers: plainText(open.parsers),
    serializers: plainText(open.serializers),
  })
  return {
    columns: fields.map(({ name, dataTypeID }) => ({ name, oid: dataTypeID })),
    rows,
    rowCount: fields.length > 0 ? rows.length : (affectedRows ?? 0),
  }
}

/** Values travel as PostgreSQL's own text: decoding is the same as for a server's. */
function plainText(converters: object): Converters {
  return Object.fromEntries(Object.keys(converters).map((oid) => [oid, (value: string) => value]))
}

function sizeOf({ rows }: SqlResult): number {
  return rows.reduce((sum, row) => sum + row.reduce((inner, value) => inner + (value === null ? 5 : value.length + 3), 2), 0)
}

function faultOf(error: unknown): EmbeddedFault {
  const message = error instanceof Error ? error.message : String(error)
  const { code, detail } = (typeof error === 'object' && error !== null ? error : {}) as {
    readonly code?: unknown
    readonly detail?: unknown
  }
  return { message, sqlState: typeof code === 'string' ? code : '', detail: typeof detail === 'string' ? detail : null }
}
