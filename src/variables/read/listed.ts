import type { VariableRecord } from '../../commit/record.js'
import type { ExecutionId } from '../../core/ids.js'
import { type JsonValue, parseJson } from '../../core/json.js'
import type { VariableType } from '../../core/status.js'
import type { TextRow } from '../../db/database.js'

/** Of the alias `t`, in the order that ListedVariable reads them; times in UTC whatever the session's zone. */
export const LISTED_COLUMNS = `t.var_name, t.var_type, t.var_value::text, t.source_step, t.revision, t.version, t.access_count,
  t.created_at AT TIME ZONE 'UTC' AS created_at, t.updated_at AT TIME ZONE 'UTC' AS updated_at,
  t.accessed_at AT TIME ZONE 'UTC' AS accessed_at, t.sealed`

/** A variable of a list, over its row as text: of a hundred rows only what is selected is worth reading. */
export class ListedVariable implements VariableRecord {
  readonly executionId: ExecutionId
  readonly view?: 'past'
  readonly #row: TextRow

  constructor(executionId: ExecutionId, row: TextRow, isPast = false) {
    this.executionId = executionId
    this.#row = row
    if (isPast) this.view = 'past'
  }

  get name(): string {
    return this.#text(0)
  }
  get type(): VariableType {
    return this.#text(1) as VariableType
  }
  get value(): JsonValue {
    return parseJson(this.valueText)
  }
  /** As PostgreSQL writes it: with every digit, and a space after each comma and colon. */
  get valueText(): string {
    return this.#text(2)
  }
  get sourceStep(): string | null {
    return this.#row[3] ?? null
  }
  get revision(): number {
    return Number(this.#text(4))
  }
  get version(): number {
    return Number(this.#text(5))
  }
  get accessCount(): number {
    return Number(this.#text(6))
  }
  get createdAt(): Date {
    return new Date(this.createdAtText)
  }
  get updatedAt(): Date {
    return new Date(this.updatedAtText)
  }
  get accessedAt(): Date {
    return new Date(this.accessedAtText)
  }
  get sealed(): string | null {
    return this.#row[10] ?? null
  }
  /** As `createdAt.toISOString()` says it. */
  get createdAtText(): string {
    return isoText(this.#text(7))
  }
  get updatedAtText(): string {
    return isoText(this.#text(8))
  }
  get accessedAtText(): string {
    return isoText(this.#text(9))
  }
  /** Its position among those of its execution: a cursor must not fall between two rows of one millisecond. */
  get position(): string[] {
    const created = this.#text(7)
    return [`${created.slice(0, 10)}T${created.slice(11, 19)}.${created.slice(20).padEnd(6, '0')}Z`, this.name]
  }

  #text(column: number): string {
    return this.#row[column] ?? ''
  }
}

/** `2026-01-31 12:00:00.123456`, or with fewer digits, cut to milliseconds. */
function isoText(utc: string): string {
  return `${utc.slice(0, 10)}T${utc.slice(11, 19)}.${utc.length > 20 ? utc.slice(20, 23).padEnd(3, '0') : '000'}Z`
}
