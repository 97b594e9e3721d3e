// By hand: everything that a transaction writes is a few statements over arrays of JSON, and they travel together, with its commit (decisions 17, 24).
import type { ExecutionId } from '../core/ids.js'
import { type JsonValue, stringifyJson } from '../core/json.js'
import type { Transaction } from '../db/database.js'
import { CHANGED_NOW } from '../executions/store.js'
import { taskLocation } from '../sealing/location.js'
import { forgetEnsured, newTaskRow } from '../tasks/store.js'
import { withdrawTasks } from '../tasks/withdraw-store.js'
import { type Draft, isDirty, type TaskChange, taskKeyText } from './draft.js'
import { writeExpiries } from './expiry-store.js'
import { NO_OUTBOX, pointersOf } from './outbox.js'
import { raisePointers } from './outbox-store.js'
import { branchJson, columnsOf, type RunChange, toolsJson, waitJson } from './run.js'
import { endRuns, insertIterations } from './run-store.js'
import { writeVariables } from './variables-store.js'
import { insertWaits } from './wait-store.js'

const INSERT_EXECUTIONS = `
INSERT INTO transient.execution (id, status, playbook_path, playbook_version, workload, payload, revision, event_seq, run_seq, step_count,
  variable_count, variable_bytes, history_count, error, parent_id, parent_task_id, depth, rerun_of, inherited, sensitive, sealed, finished_at, deadline)
SELECT id, status, playbook_path, playbook_version, workload::jsonb, payload::jsonb, revision, event_seq, run_seq, run_seq,
  variable_count, variable_bytes, history_count, error::jsonb, parent_id, parent_task_id, depth, rerun_of, inherited::jsonb,
  sensitive::jsonb, sealed, finished_at, now() + timeout_ms * interval '1 millisecond'
FROM json_to_recordset($1::json) AS x (id bigint, status text, playbook_path text, playbook_version integer, workload text, payload text,
  revision bigint, event_seq bigint, run_seq integer, variable_count integer, variable_bytes bigint, history_count bigint, error text,
  parent_id bigint, parent_task_id text, depth integer, rerun_of bigint, inherited text, sensitive text,
  sealed text, finished_at timestamptz, timeout_ms double precision)
RETURNING id, created_at`

/**
 * All that works changed on any number of executions, except their variables: one statement. A step that began and ended
 * here is one row from the first, and its task, which nobody was offered, none. `% 1 = 0` is always true: the planner then expects one
 * row instead of a hundred, and uses the keys' indexes also while the tables are small.
 */
const WRITE_STEPS = `
WITH execution AS (
  UPDATE transient.execution e SET status = x.status, revision = x.revision, event_seq = x.event_seq, run_seq = x.run_seq,
    step_count = x.step_count, variable_count = x.variable_count, variable_bytes = x.variable_bytes, history_count = x.history_count, open_waits = x.open_waits,
    error = x.error::jsonb, finished_at = x.finished_at, ending = x.ending::jsonb, ${CHANGED_NOW}
  FROM json_to_recordset($1::json) AS x (id bigint, status text, revision bigint, event_seq bigint, run_seq integer, step_count integer,
    variable_count integer, variable_bytes bigint, history_count bigint, open_waits integer, error text, finished_at timestamptz, ending text)
  WHERE e.id = x.id AND x.id % 1 = 0
), opened AS (
  INSERT INTO transient.step_run (execution_id, run, step, visit, status, attempts, is_prepared, args, result, envelope, error, log, tools,
    wait, locals, branch, sealed, opened_seq, finished_seq, started_at, finished_at)
  SELECT n.execution_id, n.run, n.step,
    COALESCE((SELECT v.visit FROM transient.step_run v WHERE v.execution_id = n.execution_id AND v.step = n.step AND v.iteration IS NULL
      ORDER BY v.visit DESC LIMIT 1), 0) + row_number() OVER (PARTITION BY n.execution_id, n.step ORDER BY n.run),
    n.status, n.attempts, n.is_prepared, n.args::jsonb, n.result::jsonb, n.envelope::jsonb, n.error::jsonb, n.log, n.tools::jsonb,
    n.wait::jsonb, n.locals::jsonb, n.branch::jsonb, n.sealed, n.opened_seq, n.finished_seq, CASE WHEN n.is_started THEN now() END, CASE WHEN n.finished_seq IS NOT NULL THEN now() END
  FROM json_to_recordset($2::json) AS n (execution_id bigint, run integer, step text, status text, attempts integer, is_prepared boolean,
    args text, result text, envelope text, error text, log text, tools text, wait text, locals text, branch text, sealed text, opened_seq bigint, finished_seq bigint, is_started boolean)
), changed AS (
  UPDATE transient.step_run r SET status = u.status, attempts = u.attempts, is_prepared = u.is_prepared,
    started_at = CASE WHEN u.is_started THEN COALESCE(r.started_at, now()) ELSE r.started_at END,
    loop = COALESCE(u.loop::jsonb, r.loop), log = COALESCE(u.log, r.log), tools = COALESCE(u.tools::jsonb, r.tools), wait = COALESCE(u.wait::jsonb, r.wait),
    args = COALESCE(u.args::jsonb, r.args), locals = COALESCE(u.locals::jsonb, r.locals), branch = COALESCE(u.branch::jsonb, r.branch), sealed = COALESCE(u.sealed, r.sealed),
    result = CASE WHEN u.finished_seq IS NULL THEN r.result ELSE u.result::jsonb END,
    envelope = CASE WHEN u.finished_seq IS NULL THEN r.envelope ELSE u.envelope::jsonb END,
    error = CASE WHEN u.finished_seq IS NULL THEN r.error ELSE u.error::jsonb END,
    finished_seq = COALESCE(u.finished_seq, r.finished_seq),
    finished_at = CASE WHEN u.finished_seq IS NULL THEN r.finished_at ELSE now() END
  FROM json_to_recordset($3::json) AS u (execution_id bigint, run integer, status text, attempts integer, is_prepared boolean,
    is_started boolean, loop text, log text, tools text, wait text, args text, locals text, branch text, sealed text, result text, envelope text, error text, finished_seq bigint)
  WHERE r.execution_id = u.execution_id AND r.run = u.run AND u.run % 1 = 0
), offered AS (
  INSERT INTO transient.task (execution_id, run, attempt, pool, kind, not_before, ensured_at)
  SELECT execution_id, run, attempt, pool, kind, now() + delay_ms * interval '1 millisecond', CASE WHEN delay_ms = 0 THEN now() END
  FROM json_to_recordset($4::json)
    AS o (execution_id bigint, run integer, attempt integer, pool text, kind text, delay_ms double precision)
), touched AS (
  UPDATE transient.task t SET status = u.status, token = u.token, worker_id = u.worker_id, deliveries = u.deliveries,
    lease_until = now() + u.lease_ms * interval '1 millisecond', deadline = now() + u.timeout_ms * interval '1 millisecond',
    claimed_at = CASE WHEN u.lease_ms IS NULL THEN t.claimed_at ELSE now() END, child_id = u.child_id, input = COALESCE(u.input::jsonb, t.input),
    sealed = COALESCE(u.sealed, t.sealed),
    finished_at = CASE WHEN u.status = 'done' THEN now() ELSE t.finished_at END
  FROM json_to_recordset($5::json) AS u (execution_id bigint, run integer, attempt integer, status text, token text, worker_id text,
    deliveries integer, lease_ms double precision, timeout_ms double precision, child_id bigint, input text, sealed text)
  WHERE t.execution_id = u.execution_id AND t.run = u.run AND t.attempt = u.attempt AND u.run % 1 = 0
)
INSERT INTO transient.event (execution_id, seq, revision, name, step, run, attempt, data)
SELECT execution_id, seq, revision, name, step, run, attempt, data::jsonb
FROM json_to_recordset($6::json) AS e (execution_id bigint, seq bigint, revision bigint, name text, step text, run integer,
  attempt integer, data text)`

/**
 * Writes what works have done to executions that this transaction has locked, or begun. What only changes variables is one statement; what
 * steps do is one more.
 * `settled` resolves after the commit.
 */
export async function flush(
  tx: Transaction,
  drafts: readonly Draft[],
  outbox = NO_OUTBOX,
): Promise<{ readonly settled: Promise<void> }> {
  const forgotten = drafts.flatMap((draft) => draft.forgotten)
  if (forgotten.length > 0) await forgetEnsured(tx, forgotten)
  const dirty = drafts.filter(isDirty)
  const begun = dirty.filter(({ origin }) => origin !== null)
  const settled = begun.length > 0 ? insertExecutions(tx, begun) : NOTHING
  const plain = dirty.filter(isPlain)
  await writeVariables(tx, dirty, plain)
  writeExpiries(tx, dirty)
  const stepping = dirty.filter((draft) => !plain.includes(draft))
  if (stepping.length > 0) writeSteps(tx, stepping)
  for (const draft of stepping) await writeRest(tx, draft)
  raisePointers(tx, await pointersOf(outbox, tx, dirty))
  return { settled }
}

const NOTHING = Promise.resolve()

/** Whether only its variables have changed. */
export function isPlain({ execution, before, origin, runChanges, taskChanges, newTasks }: Draft): boolean {
  const isSame = execution.status === before.status && execution.runSeq === before.runSeq
  return isSame && origin === null && runChanges.size + taskChanges.size + newTasks.length === 0
}

async function insertExecutions(tx: Transaction, drafts: readonly Draft[]): Promise<void> {
  const answer = tx.rows<{ id: bigint; created_at: Date }>(INSERT_EXECUTIONS, JSON.stringify(drafts.map(originRow)))
  // When it fails, the transaction does, and says why.
  const rows = await answer.catch(() => [])
  const created = new Map<ExecutionId, Date>(rows.map((row) => [String(row.id), row.created_at]))
  for (const draft of drafts) {
    const createdAt = created.get(draft.execution.id)
    if (createdAt) draft.execution = { ...draft.execution, createdAt }
  }
}

function writeSteps(tx: Transaction, drafts: readonly Draft[]): void {
  const runs = drafts.flatMap((draft) => [...draft.runChanges.values()].map((change) => ({ draft, change })))
  const [opened, changed] = [
    runs.filter(({ change }) => change.openedSeq !== null),
    runs.filter(({ change }) => change.openedSeq === null),
  ]
  tx.send(
    WRITE_STEPS,
    JSON.stringify(drafts.filter(({ origin }) => origin === null).map(executionRow)),
    JSON.stringify(opened.map(openedRow)),
    JSON.stringify(changed.map(changedRow)),
    JSON.stringify(drafts.flatMap((draft) => draft.newTasks.map(newTaskRow))),
    JSON.stringify(drafts.flatMap((draft) => [...draft.taskChanges.values()].map((change) => taskRow(draft, change)))),
    JSON.stringify(drafts.flatMap(eventRows)),
  )
}

/** What looks through an execution's rows, and so comes after them. */
async function writeRest(tx: Transaction, draft: Draft): Promise<void> {
  const { id } = draft.execution
  if (draft.openedWaits.size > 0) insertWaits(tx, [...draft.openedWaits.values()])
  for (const insert of draft.iterationInserts) await insertIterations(tx, insert, draft.keyRing)
  if (draft.endings.length === 0) return
  for (const ending of draft.endings) {
    draft.withdrawn = [...draft.withdrawn, ...(await withdrawTasks(tx, id, ending))]
    await endRuns(tx, id, ending)
  }
  const gone = new Set(draft.withdrawn.map(taskKeyText))
  draft.newTasks = draft.newTasks.filter((task) => !gone.has(taskKeyText(task)))
}

function originRow({ execution, origin }: Draft) {
  const { playbookPath, playbookVersion, inherited, sensitive, parentId, parentTaskId, rerunOf, sealed, depth } = execution
  return {
    ...executionRow({ execution }),
    playbook_path: playbookPath,
    playbook_version: playbookVersion,
    workload: origin?.workload ?? null,
    payload: origin?.payload ?? null,
    timeout_ms: origin?.timeoutMs ?? null,
    inherited: jsonText(inherited),
    sensitive: sensitive.length === 0 ? null : JSON.stringify(sensitive),
    sealed,
    parent_id: parentId,
    parent_task_id: parentTaskId,
    depth,
    rerun_of: rerunOf,
  }
}

/** SQL NULL stands for JSON null in these columns. */
export function jsonText(value: JsonValue): string | null {
  return value === null ? null : stringifyJson(value)
}

function executionRow({ execution }: Pick<Draft, 'execution'>) {
  return {
    id: execution.id,
    status: execution.status,
    revision: execution.revision,
    event_seq: execution.eventSeq,
    run_seq: execution.runSeq,
    step_count: execution.stepCount,
    variable_count: execution.variableCount,
    variable_bytes: execution.variableBytes,
    history_count: execution.historyCount,
    open_waits: execution.openWaits,
    ending:
      execution.ending &&
      stringifyJson({ status: execution.ending.status, error: execution.ending.error && { ...execution.ending.error } }),
    error: execution.error === null ? null : stringifyJson({ ...execution.error }),
    finished_at: execution.finishedAt?.toISOString() ?? null,
  }
}

interface Changed {
  readonly draft: Draft
  readonly change: RunChange
}

/** JSON columns travel as text: of a row of JSON, `null` would become SQL's NULL. */
function changedRow({ draft: { keyRing }, change }: Changed) {
  const { state, isStarted, isLoopChanged, finishedSeq } = change
  const { executionId, run, status, attempts, isPrepared, loop, branch } = state
  const { args, locals, log, tools, result, envelope, error, sealed } = columnsOf(state, keyRing)
  const isFinished = finishedSeq !== null
  return {
    execution_id: executionId,
    run,
    status,
    attempts,
    is_prepared: isPrepared,
    is_started: isStarted,
    log,
    sealed,
    tools: tools && stringifyJson(toolsJson(tools)),
    wait: state.wait && stringifyJson(waitJson(state.wait)),
    // Branches that arrive bring arguments of their own.
    args: branch?.join ? stringifyJson(args) : null,
    locals: locals && stringifyJson(locals),
    branch: branch && stringifyJson(branchJson(branch)),
    loop: isLoopChanged && loop ? stringifyJson({ ...loop, stopped: loop.stopped ? { ...loop.stopped } : null }) : null,
    result: isFinished ? stringifyJson(result) : null,
    envelope: isFinished && envelope ? stringifyJson(envelope) : null,
    error: isFinished && error ? stringifyJson({ ...error }) : null,
    finished_seq: finishedSeq,
  }
}

function openedRow(changed: Changed) {
  const { change } = changed
  const { step, args, isSensitive } = change.state
  const hasArgs = !isSensitive && Object.keys(args).length > 0
  return { ...changedRow(changed), step, args: hasArgs ? stringifyJson(args) : null, opened_seq: change.openedSeq }
}

/** What a worker was given of a sensitive run is kept encrypted; what was read so stays as it is, also under a newer key. */
function taskRow({ runs, keyRing }: Draft, { task, leaseMs, timeoutMs }: TaskChange) {
  const { executionId, run, attempt, input } = task
  const isNew = input !== null && task.sealed === null
  const isHidden = isNew && runs.get(run)?.isSensitive === true
  return {
    execution_id: task.executionId,
    run: task.run,
    attempt: task.attempt,
    status: task.status,
    token: task.token,
    worker_id: task.workerId,
    deliveries: task.deliveries,
    lease_ms: leaseMs,
    timeout_ms: timeoutMs,
    child_id: task.childId,
    input: isNew ? stringifyJson(isHidden ? {} : input) : null,
    sealed: isHidden ? keyRing.seal(input, taskLocation(executionId, run, attempt)) : null,
  }
}

function eventRows({ execution, events }: Draft) {
  return events.map(({ data, ...event }) => ({
    execution_id: execution.id,
    seq: event.seq,
    revision: event.revision,
    name: event.name,
    step: event.step,
    run: event.run,
    attempt: event.attempt,
    data: data === null ? null : stringifyJson(data),
  }))
}
