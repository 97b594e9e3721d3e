import type { ExecutionId } from '../core/ids.js'
import { stringifyJson } from '../core/json.js'
import type { Sql } from '../db/database.js'
import type { KeyRing } from '../sealing/key-ring.js'
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

/**
 * Rows, tombstones, change log, counters and events, in one statement. What a value was before, and when a variable was
 * created, comes from the rows themselves: JavaScript's times have no microseconds. Of a variable that changes several times
 * only the last change is written to its row.
 */
const WRITE_CHANGES = `
WITH input AS (
  SELECT c.*, row_number() OVER forth AS nth, lag(c.value) OVER forth AS value_before, row_number() OVER back AS nth_last
  FROM json_to_recordset($1::json) AS c(execution_id bigint, revision bigint, seq integer, name text, operation text, value text,
    sealed text, type text, source_step text, actor text, version integer, access_count integer, created_at timestamptz, changed_at timestamptz)
  WINDOW forth AS (PARTITION BY c.execution_id, c.name ORDER BY c.revision),
    back AS (PARTITION BY c.execution_id, c.name ORDER BY c.revision DESC)
), change AS (
  SELECT i.execution_id, i.revision, i.seq, i.name, i.operation, i.value::jsonb AS value, i.sealed, i.type, i.source_step, i.actor,
    i.version, i.access_count, COALESCE(i.created_at, o.created_at) AS created_at, i.changed_at, i.nth_last = 1 AS is_last,
    CASE WHEN i.nth = 1 THEN o.var_value ELSE i.value_before::jsonb END AS previous_value
  FROM input i LEFT JOIN noetl.transient o ON o.execution_id = i.execution_id AND o.var_name = i.name
), upserted AS (
  INSERT INTO noetl.transient (execution_id, var_name, var_type, var_value, sealed, source_step, access_count, created_at, accessed_at,
    updated_at, revision, version)
  SELECT execution_id, name, type, value, sealed, source_step, access_count, created_at, changed_at, changed_at, revision, version
  FROM change WHERE is_last AND operation = 'set' ORDER BY execution_id, name
  ON CONFLICT (execution_id, var_name) DO UPDATE SET var_type = EXCLUDED.var_type, var_value = EXCLUDED.var_value,
    sealed = EXCLUDED.sealed, source_step = EXCLUDED.source_step, access_count = EXCLUDED.access_count, created_at = EXCLUDED.created_at,
    accessed_at = EXCLUDED.accessed_at, updated_at = EXCLUDED.updated_at, revision = EXCLUDED.revision, version = EXCLUDED.version
), deleted AS (
  DELETE FROM noetl.transient t USING change c
  WHERE t.execution_id = c.execution_id AND t.var_name = c.name AND c.is_last AND c.operation = 'delete'
), buried AS (
  INSERT INTO transient.tombstone (execution_id, var_name, version)
  SELECT execution_id, name, version FROM change WHERE is_last AND operation = 'delete' ORDER BY execution_id, name
  ON CONFLICT (execution_id, var_name) DO UPDATE SET version = EXCLUDED.version
), counted AS (
  UPDATE transient.execution e SET revision = x.revision, event_seq = x.event_seq, variable_count = x.variable_count,
    variable_bytes = x.variable_bytes, history_count = x.history_count, updated_at = now()
  FROM json_to_recordset($2::json) AS x(id bigint, revision bigint, event_seq bigint, variable_count integer, variable_bytes bigint,
    history_count bigint)
  WHERE e.id = x.id
), recorded AS (
  INSERT INTO transient.event (execution_id, seq, revision, name, data)
  SELECT execution_id, seq, revision, 'variables.changed', data
  FROM json_to_recordset($3::json) AS v(execution_id bigint, seq bigint, revision bigint, data jsonb)
)
INSERT INTO noetl.transient_history (execution_id, revision, seq, var_name, operation, value, previous_value, sealed, var_type,
  source_step, actor, version, access_count, created_at, changed_at)
SELECT execution_id, revision, seq, name, operation, value, previous_value, sealed, type, source_step, actor, version, access_count,
  created_at, changed_at
FROM change ORDER BY execution_id, revision, seq`

/** Writes what the fold decided, for executions and variables that this transaction has locked. */
export async function writeChanges(tx: Sql, { changes, executions, events, keyRing }: ChangeBatch): Promise<void> {
  const isConcealing = changes.some((change) => change.isBecomingSensitive)
  const written = isConcealing ? await concealEarlier(tx, changes, keyRing) : changes
  await tx.run(
    WRITE_CHANGES,
    JSON.stringify(written.map(toChangeRow)),
    JSON.stringify(executions.map(toExecutionRow)),
    stringifyJson(events.map(toEventRow)),
  )
}

function toChangeRow(change: StoredChange) {
  return {
    execution_id: change.executionId,
    revision: change.revision,
    seq: change.seq,
    name: change.name,
    operation: change.operation,
    value: change.operation === 'delete' ? null : stringifyJson(change.value),
    sealed: change.sealed,
    type: change.type,
    source_step: change.sourceStep,
    actor: change.actor,
    version: change.version,
    access_count: change.accessCount,
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
  }
}

function toEventRow({ executionId, seq, revision, actor, count }: ChangedEvent) {
  return { execution_id: executionId, seq, revision, data: { actor, count } }
}
