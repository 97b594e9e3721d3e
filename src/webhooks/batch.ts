import type { ChangeRecord, ChangeSetRecord } from '../commit/record.js'
import { type JsonObject, LosslessNumber, stringifyJson } from '../core/json.js'
import { changeBody } from '../variables/change-body.js'
import type { Claim, Position } from './record.js'

const MAX_BYTES = 256 * 1024
const MAX_REVISIONS = 500
const MAX_EVENTS = 500
/** Names, ids, brackets: what a body has besides changes and events. */
const FRAME_BYTES = 2 * 1024

/** A fact that a hook is told of. */
export interface EventItem {
  readonly seq: number
  readonly name: string
  readonly revision: number
  readonly step: string | null
  readonly data: JsonObject | null
}

/** What there is to send: whole revisions in their order, and events in theirs. */
export interface Log {
  readonly sets: readonly ChangeSetRecord[]
  readonly events: readonly EventItem[]
  /** Everything up to this revision was looked at; what comes after it is for another request. */
  readonly upTo: number
}

export interface Batch {
  /** null: nothing that the hook is told of. */
  readonly content: Content | null
  /** Where the next request begins. */
  readonly to: Position
}

interface Content {
  readonly fromRevision: number
  readonly toRevision: number
  /** JSON texts. */
  readonly changes: readonly string[]
  readonly events: readonly string[]
}

/** Changes or events of one revision: sent together where that is possible. */
interface Piece {
  readonly revision: number
  readonly isChanges: boolean
  readonly texts: readonly string[]
  readonly bytes: number
  /** Where the request ends if it ends behind this piece. */
  readonly end: Position
}

/**
 * The next request of a claim: as much of the log as 256 KiB, 500 revisions and 500 events hold. A revision is cut only where it is larger than a
 * request, and a change loses its values only where it is larger alone: then it says `is_trimmed`. Pure, so that each try is the same.
 */
export function nextBatch({ from, target }: Pick<Claim, 'from' | 'target'>, log: Log): Batch {
  const isAll = log.upTo >= target.revision
  const end: Position = isAll ? { ...target, part: 0 } : { revision: log.upTo, part: 0, seq: seqUpTo(log, from, log.upTo) }
  const pieces = piecesOf(from, log)
  const taken: Piece[] = []
  let bytes = FRAME_BYTES
  let revisions = 0
  let events = 0
  for (const piece of pieces) {
    revisions += Number(piece.isChanges)
    events += piece.isChanges ? 0 : 1
    bytes += piece.bytes
    const isFull = bytes > MAX_BYTES || revisions > MAX_REVISIONS || events > MAX_EVENTS
    if (taken.length > 0 && isFull) break
    taken.push(piece)
  }
  const last = taken.at(-1)
  if (last === undefined) return { content: null, to: end }
  const content = {
    fromRevision: taken[0]?.revision ?? 0,
    toRevision: last.revision,
    changes: taken.flatMap(({ isChanges, texts }) => (isChanges ? texts : [])),
    events: taken.flatMap(({ isChanges, texts }) => (isChanges ? [] : texts)),
  }
  return { content, to: taken.length === pieces.length ? end : last.end }
}

/** Revisions in their order, the changes of each before its events. */
function piecesOf(from: Position, { sets, events, upTo }: Log): Piece[] {
  const pieces: Piece[] = []
  const rest = events.filter(({ revision }) => revision <= upTo).values()
  let event = rest.next()
  let seq = from.seq
  const takeEvents = (before: number) => {
    for (; !event.done && event.value.revision < before; event = rest.next()) {
      const { revision, name, step, data } = event.value
      seq = event.value.seq
      const text = eventText({ name, revision, step, data })
      // The changes of its revision come before it, so that all of them are behind it.
      pieces.push({ revision, isChanges: false, texts: [text], bytes: size(text), end: { revision, part: 0, seq } })
    }
  }
  for (const { revision, changes } of sets) {
    takeEvents(revision)
    const unsent = revision === from.revision + 1 ? changes.filter((change) => change.seq > from.part) : changes
    pieces.push(...parted(unsent, revision, () => seq))
  }
  takeEvents(Number.POSITIVE_INFINITY)
  return pieces
}

/** The changes of one revision, in one piece where they fit into a request. */
function parted(changes: readonly ChangeRecord[], revision: number, seq: () => number): Piece[] {
  const pieces: Piece[] = []
  let texts: string[] = []
  let bytes = 0
  let lastSeq = 0
  const close = (isLast: boolean) => {
    if (texts.length === 0) return
    const end = isLast ? { revision, part: 0, seq: seq() } : { revision: revision - 1, part: lastSeq, seq: seq() }
    pieces.push({ revision, isChanges: true, texts, bytes, end })
    texts = []
    bytes = 0
  }
  for (const change of changes) {
    const text = changeText(change)
    if (bytes + size(text) > MAX_BYTES - FRAME_BYTES) close(false)
    texts.push(text)
    bytes += size(text)
    lastSeq = change.seq
  }
  close(true)
  return pieces
}

/** With the comma behind it. */
function size(text: string): number {
  return Buffer.byteLength(text) + 1
}

function changeText(change: ChangeRecord): string {
  const body = { revision: change.revision, ...changeBody(change) } as JsonObject
  const text = stringifyJson(body)
  if (size(text) <= MAX_BYTES - FRAME_BYTES) return text
  const short = stringifyJson({ ...body, previous_value: null, is_trimmed: true })
  if (size(short) <= MAX_BYTES - FRAME_BYTES) return short
  return stringifyJson({ ...body, value: null, previous_value: null, is_trimmed: true })
}

function eventText({ name, revision, step, data }: Omit<EventItem, 'seq'>): string {
  const text = stringifyJson({ name, revision, step, data })
  return size(text) <= MAX_BYTES / 4 ? text : stringifyJson({ name, revision, step, data: null, is_trimmed: true })
}

function seqUpTo({ events }: Log, from: Position, revision: number): number {
  return events.reduce((seq, event) => (event.revision <= revision ? event.seq : seq), from.seq)
}

export interface Envelope {
  readonly webhook: string
  readonly executionId: string
  readonly path: string | null
}

/** The body of a request. */
export function bodyText({ webhook, executionId, path }: Envelope, content: Content): string {
  const head = stringifyJson({
    webhook,
    execution_id: new LosslessNumber(executionId),
    path,
    from_revision: content.fromRevision,
    to_revision: content.toRevision,
  })
  return `${head.slice(0, -1)},"changes":[${content.changes.join(',')}],"events":[${content.events.join(',')}]}`
}
