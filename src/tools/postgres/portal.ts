import { messages, type PGlite, protocol } from '@electric-sql/pglite'
import { createAnswerMeter, SqlAnswerTooLarge, type SqlNotice, type SqlResult } from './session.js'

const { serialize } = protocol
const FIRST_ROWS = 16
const MOST_ROWS = 4096
/** Executed where an answer is given up: its failure makes the statement undone by the Sync that follows. */
const NO_PORTAL = 'transient_no_portal'

/**
 * Runs one statement of PGlite, reading its rows a few at a time: PGlite's own `query` holds all of them.
 * @throws SqlAnswerTooLarge what the statement did is undone
 */
export async function runInPortal(
  { open, onNotice }: { readonly open: PGlite; readonly onNotice: (notice: SqlNotice) => void },
  text: string,
  values: readonly (string | null)[],
): Promise<SqlResult> {
  const send = async (message: Uint8Array) => (await open.execProtocol(message, { syncToFs: false, onNotice })).messages
  try {
    await send(serialize.parse({ text }))
    await send(serialize.bind({ values: [...values] }))
    const description = (await send(serialize.describe({ type: 'P' }))).find(isRowDescription)
    const columns = (description?.fields ?? []).map(({ name, dataTypeID }) => ({ name, oid: dataTypeID }))
    const { rows, tag } = await readRows(send)
    return { columns, rows, rowCount: description === undefined ? affectedRows(tag) : rows.length }
  } finally {
    await open.execProtocol(serialize.sync())
  }
}

type Send = (message: Uint8Array) => Promise<Awaited<ReturnType<PGlite['execProtocol']>>['messages']>

async function readRows(send: Send): Promise<{ rows: (string | null)[][]; tag: string }> {
  const rows: (string | null)[][] = []
  const meter = createAnswerMeter()
  for (let most = FIRST_ROWS; ; most = Math.min(2 * most, MOST_ROWS)) {
    const answers = await send(serialize.execute({ rows: most }))
    for (const answer of answers) {
      if (!(answer instanceof messages.DataRowMessage)) continue
      const exceeded = meter.add(answer.fields)
      if (exceeded !== null) {
        await send(serialize.execute({ portal: NO_PORTAL })).catch(() => undefined)
        throw new SqlAnswerTooLarge(exceeded)
      }
      rows.push(answer.fields)
    }
    if (answers.some(({ name }) => name === 'portalSuspended')) continue
    return { rows, tag: answers.find(isCommandComplete)?.text ?? '' }
  }
}

/** `INSERT 0 5` is five. */
function affectedRows(tag: string): number {
  return Number(/^(?:INSERT \d+|UPDATE|DELETE|MERGE|COPY) (\d+)$/.exec(tag)?.[1] ?? 0)
}

function isRowDescription(message: object): message is messages.RowDescriptionMessage {
  return message instanceof messages.RowDescriptionMessage
}

function isCommandComplete(message: object): message is messages.CommandCompleteMessage {
  return message instanceof messages.CommandCompleteMessage
}
