// By hand: all that a write changes is one statement over arrays of JSON (decisions 21, 24).
import type { ExecutionId } from '../../core/ids.js'
import { stringifyJson } from '../../core/json.js'
import type { Database, Transaction } from '../../db/database.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import { keyOf } from '../key.js'
import { isVariable } from '../store.js'
import { concealEarlier } from './conceal-store.js'
import type { StoredChange } from './variables-draft.js'

/** What a batch of change sets moves on an execution's row. */
export interface ExecutionCounters {
  readonly id: ExecutionId
  readonly revision: number
  readonly eventSeq: number
  readonly variableCount: number
  readonly variableBytes: number
  readonly historyCount: number
  /** Which transaction wrote the row that the change sets were folded over, and its last event: what a guarded write goes by. */
  readonly writtenBy: string
  readonly knownSeq: number
}

/** That a change set was written, for the execution's events. */
export interface ChangedEvent {
  readonly executionId: ExecutionId
  readonly seq: number
  readonly revision: number
  readonly actor: string
  readonly count: number
}

export interface ChangeBatch {
  /** In the order of revisions; one variable may change several times. */
  readonly changes: readonly StoredChange[]
  /** Empty where the caller saves the execution's row and its events. */
  readonly executions: readonly ExecutionCounters[]
  readonly events: readonly ChangedEvent[]
  /** Seals the history of what becomes sensitive. */
  readonly keyRing: KeyRing
}

/** Stands for the count of reads that the row has by then: reads are counted without the execution's lock. */
const KEEP_COUNT = -1

/** The id of the transaction that a statement runs in, as `xmin` of the rows that it writes will have it. */
export const TRANSACTION = 'pg_current_xact_id()::xid::text'

const COUNTERS = `json_to_recordset($2::json) AS x(id bigint, revision bigint, event_seq bigint, variable_count integer,
  variable_bytes bigint, history_count bigint, written_by text, known_seq bigint)`

/** Of the changes' executions, those whose rows nobody holds, and nobody has written since the caller knew them. */
const HELD = `held AS (
  SELECT x.* FROM ${COUNTERS}
  CROSS JOIN LATERAL (
    SELECT FROM transient.execution
    WHERE id = x.id AND xmin = x.written_by::xid AND event_seq = x.known_seq FOR NO KEY UPDATE SKIP LOCKED
  ) e
), `
const OF_HELD = 'JOIN held ON held.id ='

/**
 * Rows, change log, counters and events, in one statement. What a value was before, and when a variable was created, comes from the
 * rows themselves: JavaScript's times have no microseconds. Of a variable that changes several times only the last change is
 * written to its row. Of `% 1 = 0` the planner expects one row in two hundred: the key's index is used, whatever it takes the table's size for.
 * `isGuarded`: it locks the executions itself, and leaves out those that are not as the caller knows them.
 */
const writeChangesText = ({ isGuarded }: { readonly isGuarded: boolean }) => `
WITH ${isGuarded ? HELD : ''}change AS (
  SELECT c.execution_id, c.revision, c.seq, c.name, c.operation, c.value::jsonb AS value, c.sealed, c.type, c.source_step, c.actor, c.version,
    CASE WHEN c.is_born THEN 0 ELSE COALESCE(o.access_count, c.access_count) END AS access_count, c.is_born,
    COALESCE(c.created_at, o.created_at) AS created_at, c.changed_at, c.is_last,
    CASE WHEN c.is_first THEN o.var_value ELSE c.previous_value::jsonb END AS previous_value
  FROM json_to_recordset($1::json) AS c(execution_id bigint, revision bigint, seq integer, name text, operation text, value text,
    previous_value text, sealed text, type text, source_step text, actor text, version integer, access_count integer, is_born boolean,
    is_first boolean, is_last boolean, created_at timestamptz, changed_at timestamptz)
  ${isGuarded ? `${OF_HELD} c.execution_id` : ''}
  LEFT JOIN LATERAL (
    SELECT t.created_at, t.var_value, t.access_count FROM noetl.transient t WHERE ${isVariable('c.execution_id', 'c.name')}
  ) o ON true
), upserted AS (
  INSERT INTO noetl.transient AS t (execution_id, var_name, var_type, var_value, sealed, source_step, access_count, created_at, accessed_at,
    updated_at, revision, version)
  SELECT execution_id, name, type, value, sealed, source_step, CASE WHEN is_born THEN 0 ELSE ${KEEP_COUNT} END, created_at,
    changed_at, changed_at, revision, version
  FROM change WHERE is_last AND operation = 'set' ORDER BY execution_id, name
  ON CONFLICT (execution_id, var_name) DO UPDATE SET var_type = EXCLUDED.var_type, var_value = EXCLUDED.var_value,
    sealed = EXCLUDED.sealed, source_step = EXCLUDED.source_step, created_at = EXCLUDED.created_at,
    accessed_at = EXCLUDED.accessed_at,
    access_count = CASE EXCLUDED.access_count WHEN ${KEEP_COUNT} THEN t.access_count ELSE EXCLUDED.access_count END,
    updated_at = EXCLUDED.updated_at, revision = EXCLUDED.revision, version = EXCLUDED.version
  ${isGuarded ? 'RETURNING t.execution_id, t.var_name, t.access_count' : ''}
), counted AS (
  UPDATE transient.execution e SET revision = x.revision, event_seq = x.event_seq, variable_count = x.variable_count,
    variable_bytes = x.variable_bytes, history_count = x.history_count, updated_at = now()
  FROM ${isGuarded ? 'held x' : COUNTERS}
  WHERE e.id = x.id AND x.id % 1 = 0
), recorded AS (
  INSERT INTO transient.event (execution_id, seq, revision, name, data)
  SELECT v.execution_id, v.seq, v.revision, 'variables.changed', v.data
  FROM json_to_recordset($3::json) AS v(execution_id bigint, seq bigint, revision bigint, data jsonb)
  ${isGuarded ? `${OF_HELD} v.execution_id` : ''}
)${isGuarded ? ', logged AS (' : ''}
INSERT INTO noetl.transient_history (execution_id, revision, seq, var_name, operation, value, previous_value, sealed, var_type,
  source_step, actor, version, access_count, created_at, changed_at)
SELECT execution_id, revision, seq, name, operation, value, previous_value, sealed, type, source_step, actor, version, access_count,
  created_at, changed_at
FROM change
${isGuarded ? `) SELECT execution_id, var_name AS name, access_count, ${TRANSACTION} AS transaction FROM upserted` : ''}`

const WRITE_CHANGES = writeChangesText({ isGuarded: false })
const WRITE_GUARDED = writeChangesText({ isGuarded: true })

/** Rows of variables whose last change deletes them, and their tombstones; after the statement above, which reads them. */
const DELETE_CHANGED = `
WITH change AS (
  SELECT execution_id, name, version FROM json_to_recordset($1::json) AS c(execution_id bigint, name text, version integer)
  WHERE execution_id % 1 = 0 ORDER BY execution_id, name
), deleted AS (
  DELETE FROM noetl.transient t USING change c WHERE t.execution_id = c.execution_id AND t.var_name = c.name
)
INSERT INTO transient.tombstone (execution_id, var_name, version) SELECT execution_id, name, version FROM change
ON CONFLICT (execution_id, var_name) DO UPDATE SET version = EXCLUDED.version`

/** Writes what the fold decided, for executions that this transaction has locked. */
export async function writeChanges(tx: Transaction, batch: ChangeBatch): Promise<void> {
  const { changes, keyRing } = batch
  const isConcealing = changes.some((change) => change.isBecomingSensitive)
  const rows = toChangeRows(isConcealing ? await concealEarlier(tx, changes, keyRing) : changes)
  tx.send(WRITE_CHANGES, ...parametersOf(rows, batch))
  const deleted = rows.filter((row) => row.is_last && row.operation === 'delete')
  if (deleted.length > 0) tx.send(DELETE_CHANGED, JSON.stringify(deleted))
}

/** A variable that was written. */
export interface GuardedRow {
  readonly execution_id: bigint
  readonly name: string
  readonly access_count: number
  readonly transaction: string
}

/**
 * Writes what the fold decided over what the caller remembers: only of executions whose rows are still so, all of an execution or
 * nothing. Answers the variables that were written. Nothing may be deleted or become sensitive.
 */
export async function writeGuarded(db: Database, batch: ChangeBatch): Promise<GuardedRow[]> {
  return db.alone<GuardedRow>(WRITE_GUARDED, ...parametersOf(toChangeRows(batch.changes), batch))
}

function parametersOf(rows: ReturnType<typeof toChangeRows>, { executions, events }: ChangeBatch): [string, string, string] {
  return [JSON.stringify(rows), JSON.stringify(executions.map(toExecutionRow)), stringifyJson(events.map(toEventRow))]
}

/** In the order of the changes; each knows its neighbours of the same variable. */
function toChangeRows(changes: readonly StoredChange[]) {
  const latest = new Map<string, ReturnType<typeof toChangeRow>>()
  return changes.map((change) => {
    const key = keyOf(change.executionId, change.name)
    const before = latest.get(key)
    if (before) before.is_last = false
    const row = toChangeRow(change, before?.value ?? null, before === undefined)
    latest.set(key, row)
    return row
  })
}

function toChangeRow(change: StoredChange, previousValue: string | null, isFirst: boolean) {
  return {
    execution_id: change.executionId,
    revision: change.revision,
    seq: change.seq,
    name: change.name,
    operation: change.operation,
    value: change.operation === 'delete' ? null : stringifyJson(change.value),
    previous_value: previousValue,
    sealed: change.sealed,
    type: change.type,
    source_step: change.sourceStep,
    actor: change.actor,
    version: change.version,
    access_count: change.accessCount,
    is_born: change.isBorn,
    is_first: isFirst,
    is_last: true,
    created_at: change.isBorn ? change.createdAt.toISOString() : null,
    changed_at: change.changedAt.toISOString(),
  }
}

function toExecutionRow(execution: ExecutionCounters) {
  return {
    id: execution.id,
    revision: execution.revision,
    event_seq: execution.eventSeq,
    variable_count: execution.variableCount,
    variable_bytes: execution.variableBytes,
    history_count: execution.historyCount,
    written_by: execution.writtenBy,
    known_seq: execution.knownSeq,
  }
}

function toEventRow({ executionId, seq, revision, actor, count }: ChangedEvent) {
  return { execution_id: executionId, seq, revision, data: { actor, count } }
}
