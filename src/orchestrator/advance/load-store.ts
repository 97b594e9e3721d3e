// By hand: what a transaction of steps reads travels with its lock, in one round trip (decisions 17, 24).
import type { Sql } from '../../db/database.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import type { TaskKey, TaskRecord } from '../../tasks/record.js'
import { isFree, isOverdue, type TaskRow, toTask } from '../../tasks/store.js'
import type { RunState } from '../decide/types.js'
import { type RunRow, toRun } from './run-store.js'
import { openRun } from './sealed-run.js'

type Prefixed<P extends string, Row> = { readonly [K in keyof Row & string as `${P}${K}`]: Row[K] }

interface WorkRow extends Prefixed<'t_', TaskRow>, Prefixed<'r_', RunRow> {
  readonly p_run: number | null
  readonly is_free: boolean
  readonly is_overdue: boolean
  readonly held_seconds: number | null
  readonly lease_until: Date
  readonly live_visits: bigint
}

/** A task with its run, and the iterator's visit where that is an iteration. */
export interface Work {
  readonly task: TaskRecord
  /** The task is open, due and held by nobody, by the database's clock. */
  readonly isFree: boolean
  /** Its attempt, or the child that it waits for, did not end in its time. */
  readonly isOverdue: boolean
  /** How long its worker has had it; null: none has. */
  readonly heldSeconds: number | null
  /** When a lease would end that begins now. */
  readonly leaseUntil: Date
  readonly run: RunState
  readonly parent: RunState | null
  /** Pending or running visits of the execution. */
  readonly liveVisits: number
}

const TASK = [
  'execution_id',
  'run',
  'attempt',
  'pool',
  'kind',
  'status',
  'not_before',
  'lease_until',
  'token',
  'worker_id',
  'deliveries',
  'claimed_at',
  'deadline',
  'faults',
  'sealed',
]
const RUN = [
  'execution_id',
  'run',
  'step',
  'visit',
  'iteration',
  'parent_run',
  'status',
  'attempts',
  'is_prepared',
  'started_at',
  'sealed',
]
const columns = (alias: string, names: readonly string[]) =>
  names.map((name) => `${alias}.${name} AS ${alias}_${name}`).join(', ')
const texts = (alias: string, names: readonly string[]) =>
  names.map((name) => `${alias}.${name}::text AS ${alias}_${name}`).join(', ')

/**
 * These tasks, whose executions are locked by this transaction: only heartbeats and releases touch them meanwhile, so they are
 * locked too. `% 1 = 0` is always true: it makes the planner expect one row instead of a hundred, so that it uses the keys' indexes
 * also while the tables are small.
 */
const LOAD_WORK = `
SELECT ${columns('t', TASK)}, t.child_id AS t_child_id, ${texts('t', ['input'])},
  ${columns('r', RUN)}, ${texts('r', ['args', 'item', 'loop', 'tools'])},
  ${columns('p', RUN)}, ${texts('p', ['args', 'item', 'loop', 'tools'])},
  ${isFree('t')} AS is_free, ${isOverdue('t')} AS is_overdue,
  extract(epoch FROM now() - t.claimed_at)::double precision AS held_seconds,
  now() + $2::double precision * interval '1 millisecond' AS lease_until,
  (SELECT count(*) FROM transient.step_run v
   WHERE v.execution_id = t.execution_id AND v.iteration IS NULL AND v.status IN ('pending', 'running')) AS live_visits
FROM json_to_recordset($1::json) AS k (execution_id bigint, run integer, attempt integer)
JOIN transient.task t ON t.execution_id = k.execution_id AND t.run = k.run AND t.attempt = k.attempt
JOIN transient.step_run r ON r.execution_id = t.execution_id AND r.run = t.run
LEFT JOIN transient.step_run p ON p.execution_id = r.execution_id AND p.run = r.parent_run
WHERE k.run % 1 = 0
FOR NO KEY UPDATE OF t`

interface WorkRequest {
  readonly keys: readonly TaskKey[]
  readonly leaseMs: number
  readonly keyRing: KeyRing
}

export async function loadWork(tx: Sql, { keys, leaseMs, keyRing }: WorkRequest): Promise<Work[]> {
  const run = (row: RunRow) => openRun(toRun(row), row.sealed, keyRing)
  const rows = await tx.rows<WorkRow>(
    LOAD_WORK,
    JSON.stringify(keys.map(({ executionId, run, attempt }) => ({ execution_id: executionId, run, attempt }))),
    leaseMs,
  )
  return rows.map((row) => ({
    task: toTask(unprefixed<TaskRow>(row, 't_')),
    run: run(unprefixed<RunRow>(row, 'r_')),
    parent: row.p_run === null ? null : run(unprefixed<RunRow>(row, 'p_')),
    isFree: row.is_free,
    isOverdue: row.is_overdue,
    heldSeconds: row.held_seconds,
    leaseUntil: row.lease_until,
    liveVisits: Number(row.live_visits),
  }))
}

function unprefixed<Row>(row: object, prefix: string): Row {
  const own = Object.entries(row).filter(([name]) => name.startsWith(prefix))
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value])) as Row
}
