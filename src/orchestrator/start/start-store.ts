// By hand, except for the look-up of an idempotency key: it is part of the transaction in which an execution starts, or a DISTINCT ON (decision 24).

import type { KeyClaim } from '../../commit/lock-store.js'
import { hiddenOf } from '../../commit/run.js'
import { parsed } from '../../commit/run-store.js'
import type { ExecutionId } from '../../core/ids.js'
import { type JsonObject, type JsonValue, parseJson } from '../../core/json.js'
import type { Sql } from '../../db/database.js'
import { fromJsonText } from '../../executions/store.js'
import type { KeyRing } from '../../sealing/key-ring.js'

export type IdempotentRow = Omit<KeyClaim, 'key' | 'payload'> & { readonly payload: JsonValue }

export async function findIdempotent(sql: Sql, key: string): Promise<IdempotentRow | null> {
  const row = await sql.prisma(({ idempotency }) => idempotency.findUnique({ where: { key } }))
  if (row === null) return null
  const { path, version, workload, sealed } = row
  return { executionId: String(row.executionId), path, version, payload: fromJsonText(workload), sealed }
}

/** Where a rerun from a step begins: that step's last visit, and the results that were there before it. */
export interface RerunPoint {
  readonly args: JsonObject
  readonly isArgsSensitive: boolean
  /** The execution's revision when the visit was opened. */
  readonly revision: number
  readonly results: JsonObject
  /** Names of the steps whose results are sensitive. */
  readonly sensitiveSteps: readonly string[]
}

interface VisitRow {
  readonly run: number
  readonly args: string | null
  readonly sealed: string | null
  readonly opened_seq: bigint
  readonly revision: bigint | null
}

interface ResultRow {
  readonly run: number
  readonly step: string
  readonly result: string | null
  readonly envelope: string
  readonly sealed: string | null
}

/** null when the step was never reached. @throws TransientError INTERNAL when the key of something sensitive is lost */
export async function loadRerunPoint(
  sql: Sql,
  { id: executionId, step }: { readonly id: ExecutionId; readonly step: string },
  keyRing: KeyRing,
): Promise<RerunPoint | null> {
  const visits = await sql.rows<VisitRow>(
    `SELECT r.run, r.args::text AS args, r.sealed, r.opened_seq, e.revision
     FROM transient.step_run r
     LEFT JOIN transient.event e ON e.execution_id = r.execution_id AND e.seq = r.opened_seq
     WHERE r.execution_id = $1::bigint AND r.step = $2 AND r.iteration IS NULL
     ORDER BY r.visit DESC LIMIT 1`,
    executionId,
    step,
  )
  const visit = visits[0]
  if (!visit) return null
  const rows = await sql.rows<ResultRow>(
    `SELECT DISTINCT ON (step) step, run, sealed, result::text AS result, envelope::text AS envelope FROM transient.step_run
     WHERE execution_id = $1::bigint AND iteration IS NULL AND envelope IS NOT NULL AND finished_seq <= $2::bigint
     ORDER BY step, visit DESC`,
    executionId,
    visit.opened_seq,
  )
  const results = rows.map((row) => {
    if (row.sealed === null) return [row.step, { result: parsed<JsonValue>(row.result, null), envelope: parseJson(row.envelope) }]
    const { result, envelope } = hiddenOf(row.sealed, { executionId, run: row.run }, keyRing)
    return [row.step, { result, envelope }]
  })
  const hidden = visit.sealed === null ? null : hiddenOf(visit.sealed, { executionId, run: visit.run }, keyRing)
  return {
    args: hidden?.args ?? parsed<JsonObject>(visit.args, {}),
    isArgsSensitive: hidden !== null,
    revision: Number(visit.revision ?? 0n),
    results: Object.fromEntries(results) as JsonObject,
    sensitiveSteps: rows.filter(({ sealed }) => sealed !== null).map((row) => row.step),
  }
}
