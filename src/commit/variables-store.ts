// By hand: all that a write changes is one statement over arrays of JSON (decisions 24, 26).

import type { ExecutionId } from '../core/ids.js'
import { isJsonNumber, numberText, stringifyJson } from '../core/json.js'
import type { Database, Transaction } from '../db/database.js'
import { CHANGED_NOW, isDrifted, lockTimeout } from '../executions/store.js'
import type { Draft, EventRow } from './draft.js'
import type { FoldedChange } from './fold.js'
import type { Pointer } from './outbox.js'
import { pointersJson, raising } from './outbox-store.js'
import { isVariable, keyOf } from './record.js'
import { redactEarlier } from './redact-store.js'

/** Counting an execution's variables costs a tenth of a write: of more executions than these, only with one event in so many. */
const FEW = 4
const COUNTED_OF_MANY = 8

/** Stands for the count of reads that the row has by then: reads are counted without the execution's lock. */
const KEEP_COUNT = -1

/** The id of the transaction that a statement runs in, as `xmin` of the rows that it writes will have it. */
export const TRANSACTION = 'pg_current_xact_id()::xid::text'

/**
 * Names the server, from its start to its end. One that was promoted or restored has another: what was learnt from its predecessor may come again
 * there with other contents, under the same numbers of transactions and events.
 */
export const SERVER = 'extract(epoch FROM pg_postmaster_start_time())::text'

const COUNTERS = `json_to_recordset($2::json) AS x(id bigint, revision bigint, event_seq bigint, variable_count integer,
  variable_bytes bigint, history_count bigint, written_by text, known_seq bigint, known_count integer, server text)`

const CHANGES = `json_to_recordset($1::json) AS c(execution_id bigint, revision bigint, seq integer, name text, operation text, value text,
    previous_value text, sealed text, type text, source_step text, actor text, version integer, access_count integer, is_created boolean,
    has_row boolean, is_first boolean, is_last boolean, created_at timestamptz, changed_at timestamptz, known_version integer, known_type text,
    known_number text)`

/**
 * Optimistic locks: `mine` are those of the changes' executions whose rows nobody has locked, and nobody has written since the caller knew them; `found`
 * the changes with the rows that they replace, locked where these are as the caller knew them; `expected` the executions of which all are. A
 * program that writes variables by plain SQL does not touch the execution's row, so each row is compared: its version and type, and a number, which an
 * increment goes by, with all its digits. Whether rows were inserted or deleted, their count tells, where it is asked for.
 */
const EXPECTED = `here AS MATERIALIZED (
  SELECT ${SERVER} AS server, ${lockTimeout(false)} AS wait
), mine AS (
  SELECT x.* FROM here CROSS JOIN ${COUNTERS}
  CROSS JOIN LATERAL (
    SELECT FROM transient.execution
    WHERE id = x.id AND xmin = x.written_by::xid AND event_seq = x.known_seq FOR NO KEY UPDATE SKIP LOCKED
  ) e
  WHERE x.server = here.server AND NOT (x.known_count IS NOT NULL AND ${isDrifted({ id: 'x.id', count: 'x.known_count', seq: 'x.known_seq' })})
), found AS (
  SELECT c.*, o.row_created_at, o.row_value, o.row_count, (NOT c.has_row OR o.row_count IS NOT NULL) AS is_expected
  FROM mine JOIN ${CHANGES} ON c.execution_id = mine.id
  LEFT JOIN LATERAL (
    SELECT t.created_at AS row_created_at, t.var_value AS row_value, t.access_count AS row_count FROM noetl.transient t
    WHERE c.has_row AND (NOT c.is_first OR t.version = c.known_version AND t.sealed IS NULL AND t.var_type = c.known_type
      AND CASE jsonb_typeof(t.var_value) WHEN 'number' THEN t.var_value::text = c.known_number ELSE c.known_number IS NULL END)
      AND ${isVariable('c.execution_id', 'c.name')} FOR NO KEY UPDATE SKIP LOCKED
  ) o ON true
), expected AS (
  SELECT mine.* FROM mine WHERE mine.id <> ALL (ARRAY(SELECT execution_id FROM found WHERE NOT is_expected))
), `
const OF_EXPECTED = 'JOIN expected ON expected.id ='

/** Changes with the rows that they replace, which this transaction has locked. */
const FOUND = `${CHANGES} LEFT JOIN LATERAL (
    SELECT t.created_at AS row_created_at, t.var_value AS row_value, t.access_count AS row_count FROM noetl.transient t
    WHERE ${isVariable('c.execution_id', 'c.name')}
  ) o ON true`

const STORED_COLUMNS =
  'execution_id, var_name, var_type, var_value, sealed, source_step, access_count, created_at, accessed_at, updated_at, revision, version'

/**
 * Rows, change log, counters and events, in one statement. What a value was before, and when a variable was created, comes from the
 * rows themselves: JavaScript's times have no microseconds. Of a variable that changes several times only the last change is
 * written to its row. One that had a row is locked; one that had none is inserted, and the statement fails where somebody else has
 * inserted it meanwhile. Of `% 1 = 0` the planner expects one row in two hundred: the key's index is used, whatever it takes the table's size for.
 * `isOptimistic`: it locks all that it needs itself, and leaves out executions that are not as the caller knows them; `isRaising`: pointers are raised, too.
 */
const writeChangesText = ({
  isOptimistic,
  isRaising = false,
}: {
  readonly isOptimistic: boolean
  readonly isRaising?: boolean
}) => `
WITH ${isOptimistic ? EXPECTED : ''}change AS (
  SELECT c.execution_id, c.revision, c.seq, c.name, c.operation, c.value::jsonb AS value, c.sealed, c.type, c.source_step, c.actor, c.version,
    CASE WHEN c.is_created THEN 0 ELSE COALESCE(row_count, c.access_count) END AS access_count, c.is_created, c.has_row,
    COALESCE(c.created_at, row_created_at) AS created_at, c.changed_at, c.is_last,
    CASE WHEN c.is_first THEN row_value ELSE c.previous_value::jsonb END AS previous_value
  FROM ${isOptimistic ? `found c ${OF_EXPECTED} c.execution_id` : FOUND}
), replaced AS (
  INSERT INTO noetl.transient AS t (${STORED_COLUMNS})
  SELECT execution_id, name, type, value, sealed, source_step, CASE WHEN is_created THEN 0 ELSE ${KEEP_COUNT} END, created_at,
    changed_at, changed_at, revision, version
  FROM change WHERE is_last AND operation = 'set' AND has_row ORDER BY execution_id, name
  ON CONFLICT (execution_id, var_name) DO UPDATE SET var_type = EXCLUDED.var_type, var_value = EXCLUDED.var_value,
    sealed = EXCLUDED.sealed, source_step = EXCLUDED.source_step, created_at = EXCLUDED.created_at,
    accessed_at = EXCLUDED.accessed_at,
    access_count = CASE EXCLUDED.access_count WHEN ${KEEP_COUNT} THEN t.access_count ELSE EXCLUDED.access_count END,
    updated_at = EXCLUDED.updated_at, revision = EXCLUDED.revision, version = EXCLUDED.version
), created AS (
  INSERT INTO noetl.transient (${STORED_COLUMNS})
  SELECT execution_id, name, type, value, sealed, source_step, 0, created_at, changed_at, changed_at, revision, version
  FROM change WHERE is_last AND operation = 'set' AND NOT has_row ORDER BY execution_id, name
), counted AS (
  UPDATE transient.execution e SET revision = x.revision, event_seq = x.event_seq, variable_count = x.variable_count,
    variable_bytes = x.variable_bytes, history_count = x.history_count, ${CHANGED_NOW}
  FROM ${isOptimistic ? 'expected x' : COUNTERS}
  WHERE e.id = x.id AND x.id % 1 = 0
), recorded AS (
  INSERT INTO transient.event (execution_id, seq, revision, name, data)
  SELECT v.execution_id, v.seq, v.revision, 'variables.changed', v.data
  FROM json_to_recordset($3::json) AS v(execution_id bigint, seq bigint, revision bigint, data jsonb)
  ${isOptimistic ? `${OF_EXPECTED} v.execution_id` : ''}
)${isOptimistic ? ', logged AS (' : ''}
INSERT INTO noetl.transient_history (execution_id, revision, seq, var_name, operation, value, previous_value, sealed, var_type,
  source_step, actor, version, access_count, created_at, changed_at)
SELECT execution_id, revision, seq, name, operation, value, previous_value, sealed, type, source_step, actor, version, access_count,
  created_at, changed_at
FROM change
${isRaising ? `), raised AS (${raising('$4', `${OF_EXPECTED} p.execution_id`)}` : ''}
${isOptimistic ? `) SELECT execution_id, name, access_count, ${TRANSACTION} AS transaction FROM change WHERE is_last` : ''}`

const WRITE_CHANGES = writeChangesText({ isOptimistic: false })
const WRITE_OPTIMISTIC = writeChangesText({ isOptimistic: true })
const WRITE_AND_RAISE = writeChangesText({ isOptimistic: true, isRaising: true })

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

/** Writes the variables of drafts; of those of which nothing else has changed (`plain`) all that there is. */
export async function writeVariables(tx: Transaction, drafts: readonly Draft[], plain: readonly Draft[]): Promise<void> {
  const changes = drafts.flatMap((draft) => draft.changes)
  const [first] = drafts
  if (first === undefined || changes.length === 0) return
  const isRedacting = changes.some((change) => change.isBecomingSensitive)
  const rows = toChangeRows(isRedacting ? await redactEarlier(tx, changes, first.keyRing) : changes)
  tx.send(WRITE_CHANGES, ...parametersOf(rows, plain))
  const deleted = rows.filter((row) => row.is_last && row.operation === 'delete')
  if (deleted.length > 0) tx.send(DELETE_CHANGED, JSON.stringify(deleted))
}

/** A variable that was written. */
export interface WrittenRow {
  readonly execution_id: bigint
  readonly name: string
  readonly access_count: number
  readonly transaction: string
}

/**
 * Writes what was folded over what the caller remembers: only of executions that are still so, all of an execution or
 * nothing. Answers the variables that were written. Nothing may be deleted or become sensitive.
 */
export async function writeOptimistically(
  db: Database,
  drafts: readonly Draft[],
  pointers: readonly Pointer[],
): Promise<WrittenRow[]> {
  const rows = toChangeRows(drafts.flatMap(({ changes }) => changes))
  const parameters = parametersOf(rows, drafts)
  if (pointers.length === 0) return db.alone<WrittenRow>(WRITE_OPTIMISTIC, ...parameters)
  return db.alone<WrittenRow>(WRITE_AND_RAISE, ...parameters, pointersJson(pointers))
}

function parametersOf(rows: ReturnType<typeof toChangeRows>, drafts: readonly Draft[]): [string, string, string] {
  return [
    JSON.stringify(rows),
    JSON.stringify(drafts.map((draft) => toExecutionRow(draft, drafts.length))),
    JSON.stringify(drafts.flatMap(({ execution, events }) => events.map((event) => toEventRow(execution.id, event)))),
  ]
}

/** In the order of the changes; each knows its neighbours of the same variable. */
function toChangeRows(changes: readonly FoldedChange[]) {
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

function toChangeRow(change: FoldedChange, previousValue: string | null, isFirst: boolean) {
  // What is compared of a row that is replaced.
  const known = isFirst ? change.replaced : null
  const value = known?.value ?? null
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
    is_created: change.isCreated,
    has_row: change.replaced !== null,
    is_first: isFirst,
    is_last: true,
    created_at: change.isCreated ? change.createdAt.toISOString() : null,
    changed_at: change.changedAt.toISOString(),
    known_version: known?.version ?? null,
    known_type: known?.type ?? null,
    known_number: isJsonNumber(value) ? numberText(value) : null,
  }
}

function toExecutionRow({ execution, known }: Draft, among: number) {
  const { seq, count } = known
  return {
    id: execution.id,
    revision: execution.revision,
    event_seq: execution.eventSeq,
    variable_count: execution.variableCount,
    variable_bytes: execution.variableBytes,
    history_count: execution.historyCount,
    written_by: known.writtenBy,
    known_seq: known.seq,
    known_count: among <= FEW || seq % COUNTED_OF_MANY === 0 ? count : null,
    server: known.server,
  }
}

function toEventRow(execution_id: ExecutionId, { seq, revision, data }: EventRow) {
  return { execution_id, seq, revision, data }
}
