// What callers read of single executions, by Prisma's client. The engine and the watches, which read them all the time, do it by hand (`store.ts`).
import type { ExecutionId } from '../core/ids.js'
import { parseJson } from '../core/json.js'
import type { ExecutionStatus } from '../core/status.js'
import type { Sql } from '../db/database.js'
import type { Execution } from '../db/generated/client.js'
import type { ExecutionEnding, ExecutionError, ExecutionRecord } from './record.js'
import { fromJsonText } from './store.js'

/** One execution; null where there is none. */
export async function readExecution(sql: Sql, id: ExecutionId): Promise<ExecutionRecord | null> {
  const [execution = null] = await readExecutions(sql, [id])
  return execution
}

/** Executions; null where there is none. */
export async function readExecutions(sql: Sql, ids: readonly ExecutionId[]): Promise<(ExecutionRecord | null)[]> {
  const rows = await sql.prisma(({ execution }) => execution.findMany({ where: { id: { in: ids.map(BigInt) } } }))
  const found = new Map(rows.map((row) => [String(row.id), toRecord(row)]))
  return ids.map((id) => found.get(id) ?? null)
}

function toRecord({ updatedAt: _, space: __, changedMinute: ___, deadline: ____, ...row }: Execution): ExecutionRecord {
  return {
    ...row,
    id: String(row.id),
    status: row.status as ExecutionStatus,
    workload: fromJsonText(row.workload),
    payload: fromJsonText(row.payload),
    revision: Number(row.revision),
    eventSeq: Number(row.eventSeq),
    oldestRevision: Number(row.oldestRevision),
    variableBytes: Number(row.variableBytes),
    historyCount: Number(row.historyCount),
    ending: fromJsonText(row.ending) as ExecutionEnding | null,
    error: fromJsonText(row.error) as ExecutionError | null,
    parentId: row.parentId === null ? null : String(row.parentId),
    rerunOf: row.rerunOf === null ? null : String(row.rerunOf),
    inherited: fromJsonText(row.inherited),
    sensitive: row.sensitive === null ? [] : (parseJson(row.sensitive) as string[]),
  }
}
