import { TransientError } from './errors.js'
import { isStorableText } from './text.js'
import { parseTime } from './time.js'

/** An opaque page cursor from the sort key of a row. */
export function encodeCursor(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/** The sort key that `encodeCursor` was given; null for any other text. */
export function decodeCursor(cursor: string): string[] | null {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(key) && key.every((part) => typeof part === 'string') ? key : null
  } catch {
    return null
  }
}

/** Whether a text may be one part of a list's sort key. A forged cursor must not reach SQL as a bad cast. */
export type CursorPart = (text: string) => boolean

/** A whole number from 0 to `max`, written as PostgreSQL writes it. */
export function counterPart(max = 2n ** 63n - 1n): CursorPart {
  return (text) => /^(?:0|[1-9]\d{0,18})$/.test(text) && BigInt(text) <= max
}

/** A moment in UTC to the microsecond, in ISO 8601 or as PostgreSQL prints it. */
export const timePart: CursorPart = (text) =>
  /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00)$/.test(text) && parseTime(text) !== null

export const textPart: CursorPart = isStorableText

/**
 * The sort key of the row that a page begins after; null without a cursor.
 * @throws TransientError VALIDATION when the text is not a cursor of a list that is sorted so
 */
export function readCursor(cursor: string | null | undefined, parts: readonly CursorPart[], field = 'after'): string[] | null {
  if (cursor === null || cursor === undefined) return null
  const key = decodeCursor(cursor)
  if (key?.length === parts.length && parts.every((isPart, index) => isPart(key[index] ?? ''))) return key
  throw new TransientError('VALIDATION', `${field}: not a cursor of this list`, { details: { field } })
}

/** Cursors of rows, made as they are asked for: mostly nobody wants more than the last one. */
export function cursorsBy<Row>(rows: readonly Row[], key: (row: Row) => readonly string[]): Page<unknown>['cursorAt'] {
  return (index) => {
    const row = rows.at(index)
    return row === undefined ? null : encodeCursor(key(row))
  }
}

export const DEFAULT_PAGE = 50
export const MAX_PAGE = 250

/**
 * The page size asked for.
 * @throws TransientError VALIDATION when it is negative or above 250
 */
export function pageSize(first: number | null | undefined, field = 'first'): number {
  if (first === null || first === undefined) return DEFAULT_PAGE
  if (Number.isInteger(first) && first >= 0 && first <= MAX_PAGE) return first
  throw new TransientError('VALIDATION', `${field}: ${first} is not a page size from 0 to ${MAX_PAGE}`, { details: { field } })
}

export interface PageRequest {
  /** 50 without it. */
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
  /** false: nobody asks for the total, so it is not counted. */
  readonly isCounted?: boolean
  /** Aborted when the caller has left: then it is not read to the end. */
  readonly signal?: AbortSignal | undefined
}

/** One page of a list, in the list's order. */
export interface Page<T> {
  readonly items: T[]
  /** The cursor of the item at an index, -1 for the last; null where there is none. */
  readonly cursorAt: (index: number) => string | null
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
  /** null where it was not asked for. */
  readonly totalCount: number | null
}
