// By hand: executions that begin at the same time are one statement (decision 24).
import { asStored, type JsonObject, type JsonValue, stringifyJson } from '../../core/json.js'
import type { Sql } from '../../db/database.js'
import type { ExecutionRecord } from '../../executions/record.js'
import { type ExecutionRow, STATE_COLUMNS, toExecution } from '../../executions/store.js'
import { type NewTask, newTaskRow } from '../../tasks/store.js'
import type { FoldedChange } from '../../variables/write/fold.js'

type Origin = Pick<
  ExecutionRecord,
  | 'id'
  | 'playbookPath'
  | 'playbookVersion'
  | 'workload'
  | 'payload'
  | 'parentId'
  | 'parentTaskId'
  | 'depth'
  | 'rerunOf'
  | 'inherited'
  | 'sensitive'
  | 'sealed'
>

/** All of a new execution, before any of it is written. */
export interface NewExecution
  extends Pick<ExecutionRecord, 'status' | 'error' | 'finishedAt' | 'revision' | 'variableCount' | 'variableBytes'> {
  readonly origin: Origin
  /** As JSON; null for null. */
  readonly texts: { readonly workload: string | null; readonly payload: string | null }
  readonly events: readonly { readonly name: string; readonly data: JsonObject | null }[]
  /** The first visit, run 1; null where the execution has failed already. */
  readonly visit: { readonly step: string; readonly args: JsonObject; readonly sealed: string | null } | null
  readonly task: NewTask | null
  /** Of its variables: those of a rerun. The caller writes them. */
  readonly changes: readonly FoldedChange[]
}

/** New executions with their first events, visit and task: one statement, and so all of them or none. */
const INSERT_EXECUTIONS = `
WITH event AS (
  INSERT INTO transient.event (execution_id, seq, revision, name, data)
  SELECT execution_id, seq, revision, name, data::jsonb
  FROM json_to_recordset($2::json) AS e (execution_id bigint, seq bigint, revision bigint, name text, data text)
), visit AS (
  INSERT INTO transient.step_run (execution_id, run, step, visit, status, args, sealed, opened_seq)
  SELECT execution_id, 1, step, 1, 'pending', args::jsonb, sealed, opened_seq
  FROM json_to_recordset($3::json) AS v (execution_id bigint, step text, args text, sealed text, opened_seq bigint)
), task AS (
  INSERT INTO transient.task (execution_id, run, attempt, pool, kind, ensured_at)
  SELECT execution_id, run, attempt, pool, kind, now()
  FROM json_to_recordset($4::json) AS t (execution_id bigint, run integer, attempt integer, pool text, kind text)
)
INSERT INTO transient.execution (id, status, playbook_path, playbook_version, workload, payload, revision, event_seq, run_seq, step_count,
  variable_count, variable_bytes, history_count, error, parent_id, parent_task_id, depth, rerun_of, inherited, sensitive, sealed, finished_at)
SELECT id, status, playbook_path, playbook_version, workload::jsonb, payload::jsonb, revision, event_seq, run_seq, run_seq,
  variable_count, variable_bytes, history_count, error::jsonb, parent_id, parent_task_id, depth, rerun_of, inherited::jsonb,
  sensitive::jsonb, sealed, finished_at
FROM json_to_recordset($1::json) AS x (id bigint, status text, playbook_path text, playbook_version integer, workload text, payload text,
  revision bigint, event_seq bigint, run_seq integer, variable_count integer, variable_bytes bigint, history_count bigint, error text,
  parent_id bigint, parent_task_id text, depth integer, rerun_of bigint, inherited text, sensitive text,
  sealed text, finished_at timestamptz)
RETURNING ${STATE_COLUMNS}`

/** Inserts new executions; returns them in the same order. */
export async function insertNewExecutions(sql: Sql, executions: readonly NewExecution[]): Promise<ExecutionRecord[]> {
  const visits = executions.flatMap(({ origin, visit, events }) =>
    visit ? [{ id: origin.id, ...visit, openedSeq: events.length }] : [],
  )
  const rows = await sql.rows<ExecutionRow>(
    INSERT_EXECUTIONS,
    JSON.stringify(executions.map(executionRow)),
    JSON.stringify(executions.flatMap(eventRows)),
    JSON.stringify(
      visits.map(({ id, step, args, sealed, openedSeq }) => ({
        ...{ execution_id: id, step, sealed, opened_seq: openedSeq },
        args: Object.keys(args).length === 0 ? null : stringifyJson(args),
      })),
    ),
    JSON.stringify(executions.flatMap(({ task }) => (task ? [newTaskRow(task)] : []))),
  )
  const inserted = new Map(rows.map((row) => [String(row.id), toExecution(row)]))
  return executions.map(({ origin: { id, workload, payload, inherited } }) => {
    const execution = inserted.get(id)
    if (!execution) throw new Error(`execution ${id} was not inserted`)
    return { ...execution, workload: asStored(workload), payload: asStored(payload), inherited: asStored(inherited) }
  })
}

/** SQL NULL stands for JSON null in these columns. */
export function jsonText(value: JsonValue): string | null {
  return value === null ? null : stringifyJson(value)
}

function executionRow({ origin, texts, visit, events, changes, ...state }: NewExecution) {
  return {
    ...{ id: origin.id, playbook_path: origin.playbookPath, playbook_version: origin.playbookVersion },
    ...{ workload: texts.workload, payload: texts.payload, inherited: jsonText(origin.inherited) },
    ...{ sensitive: origin.sensitive.length === 0 ? null : JSON.stringify(origin.sensitive), sealed: origin.sealed },
    ...{ parent_id: origin.parentId, parent_task_id: origin.parentTaskId, depth: origin.depth, rerun_of: origin.rerunOf },
    ...{ status: state.status, revision: state.revision, event_seq: events.length, run_seq: visit ? 1 : 0 },
    ...{ variable_count: state.variableCount, variable_bytes: state.variableBytes, history_count: changes.length },
    error: state.error ? stringifyJson({ ...state.error }) : null,
    finished_at: state.finishedAt?.toISOString() ?? null,
  }
}

function eventRows({ origin, events, revision }: NewExecution) {
  return events.map(({ name, data }, index) => ({
    ...{ execution_id: origin.id, seq: index + 1, revision, name },
    data: data === null ? null : stringifyJson(data),
  }))
}
