import type { ExecutionId } from '../../src/core/ids.js'
import { type JsonValue, stringifyJson } from '../../src/core/json.js'
import type { ExecutionStatus } from '../../src/core/status.js'
import type { Sql } from '../../src/db/database.js'
import type { ExecutionRecord } from '../../src/executions/record.js'
import { findExecution } from '../../src/executions/store.js'

export interface InsertedExecution {
  readonly id: ExecutionId
  readonly status: ExecutionStatus
  readonly playbookPath: string | null
  readonly playbookVersion: number | null
  readonly workload?: JsonValue
  readonly payload?: JsonValue
  readonly parentId?: ExecutionId | null
  readonly parentTaskId?: string | null
  readonly depth?: number
  readonly rerunOf?: ExecutionId | null
  readonly inherited?: JsonValue
}

/** An execution that is only a row: nothing runs it. */
export async function insertExecution(sql: Sql, execution: InsertedExecution): Promise<ExecutionRecord> {
  const text = (value: JsonValue | undefined) => (value === undefined || value === null ? null : stringifyJson(value))
  await sql.run(
    `INSERT INTO transient.execution
       (id, status, playbook_path, playbook_version, workload, payload, parent_id, parent_task_id, depth, rerun_of, inherited)
     VALUES ($1::bigint, $2::text, $3::text, $4::integer, $5::jsonb, $6::jsonb, $7::bigint, $8::text, $9::integer, $10::bigint, $11::jsonb)`,
    execution.id,
    execution.status,
    execution.playbookPath,
    execution.playbookVersion,
    text(execution.workload),
    text(execution.payload),
    execution.parentId ?? null,
    execution.parentTaskId ?? null,
    execution.depth ?? 0,
    execution.rerunOf ?? null,
    text(execution.inherited),
  )
  const inserted = await findExecution(sql, execution.id)
  if (inserted === null) throw new Error(`execution ${execution.id} was not inserted`)
  return inserted
}

interface StatePatch {
  readonly status?: ExecutionStatus
  readonly eventSeq?: number
  readonly finishedAt?: Date
}

/** Changes a row behind the engine's back. */
export async function updateExecution(sql: Sql, id: ExecutionId, { status, eventSeq, finishedAt }: StatePatch): Promise<void> {
  await sql.run(
    `UPDATE transient.execution SET status = COALESCE($2::text, status), event_seq = COALESCE($3::bigint, event_seq),
       finished_at = COALESCE($4::timestamptz, finished_at), updated_at = now(), changed_minute = date_trunc('minute', COALESCE($4::timestamptz, now())) WHERE id = $1::bigint`,
    id,
    status ?? null,
    eventSeq ?? null,
    finishedAt ?? null,
  )
}
