import { TransientError } from './errors.js'

/** An opaque page cursor from the sort key of a row. */
export function encodeCursor(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/**
 * The sort key that a cursor holds.
 * @throws TransientError VALIDATION when the text is no cursor of `length` parts
 */
export function decodeCursor(cursor: string, length: number, field = 'after'): string[] {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (Array.isArray(key) && key.length === length && key.every((part) => typeof part === 'string')) return key
  } catch {
    // falls through to the one error below
  }
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
