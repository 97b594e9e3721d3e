import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { connectTo } from './databases.js'

/** A process was killed or frozen. `at` is milliseconds of this machine's clock, here and below. */
export interface Fault {
  readonly at: number
  readonly victim: string
  readonly signal: 'SIGKILL' | 'SIGSTOP'
}

/** A step's effect outside, each time it happened. `key` is the step's idempotency key. */
export interface Effect {
  readonly key: string
  readonly at: number
}

/** One row of the change log. */
export interface LoggedChange {
  readonly revision: number
  readonly name: string
  readonly value: unknown
  readonly version: number
}

/** A visit of a step, or an iteration. */
export interface LoggedRun {
  readonly step: string
  readonly visit: number
  readonly iteration: number | null
  readonly status: string
}

/** What the database says about an execution. */
export interface ExecutionLog {
  readonly id: string
  readonly status: string
  readonly error: unknown
  readonly revision: number
  readonly openTasks: number
  readonly variables: readonly { readonly name: string; readonly value: unknown; readonly version: number }[]
  readonly changes: readonly LoggedChange[]
  readonly runs: readonly LoggedRun[]
}

/** What must have come out of an execution. */
export interface Expected {
  readonly values: Readonly<Record<string, unknown>>
  /** Each time that a variable changes in an undisturbed run; those that are loose do not count. */
  readonly assignments: number
  /** Lists whose order may differ: branches run side by side. */
  readonly unordered: readonly string[]
  /** Variables that may end otherwise each time: which iteration was the last. */
  readonly loose: readonly string[]
  /** Keys of the effects outside. */
  readonly effects: readonly string[]
}

/** All that is known about a run once it is over. */
export interface Evidence {
  readonly faults: readonly Fault[]
  readonly effects: readonly Effect[]
  readonly executions: readonly (ExecutionLog & { readonly expected: Expected })[]
}

/** Writes the evidence down and reads it back: what the checkers see can be looked at afterwards. */
export function keep(purpose: string, evidence: Evidence): Evidence {
  const file = join(mkdtempSync(join(tmpdir(), `transient-chaos-${purpose}-`)), 'evidence.json')
  writeFileSync(file, JSON.stringify(evidence))
  console.info(`evidence: ${file}`)
  return JSON.parse(readFileSync(file, 'utf8')) as Evidence
}

const EXECUTION = `
SELECT e.id::text, e.status, e.error, e.revision::int,
  (SELECT count(*)::int FROM transient.task t WHERE t.execution_id = e.id AND t.status IN ('open', 'waiting')) AS "openTasks",
  (SELECT COALESCE(json_agg(json_build_object('name', var_name, 'value', var_value, 'version', version) ORDER BY var_name), '[]')
   FROM noetl.transient v WHERE v.execution_id = e.id) AS variables,
  (SELECT COALESCE(json_agg(json_build_object('revision', revision, 'name', var_name, 'value', value, 'version', version)
     ORDER BY revision, seq), '[]') FROM noetl.transient_history h WHERE h.execution_id = e.id) AS changes,
  (SELECT COALESCE(json_agg(json_build_object('step', step, 'visit', visit, 'iteration', iteration, 'status', status) ORDER BY run), '[]')
   FROM transient.step_run r WHERE r.execution_id = e.id) AS runs
FROM transient.execution e WHERE e.id = ANY($1::bigint[]) ORDER BY e.id`

/** Reads executions past the product, straight from its tables. */
export async function readExecutions(databaseUrl: string, ids: readonly string[]): Promise<ExecutionLog[]> {
  const client = await connectTo(databaseUrl)
  const { rows } = await client.query<ExecutionLog>(EXECUTION, [ids])
  await client.end()
  return rows
}

/** What another execution, undisturbed, has left behind, apart from the loose variables. */
export function expectedLike({ variables, changes }: ExecutionLog, isLoose: (name: string) => boolean = () => false): Expected {
  const values = Object.fromEntries(variables.map(({ name, value }) => [name, value]))
  const assignments = changes.filter(({ name }) => !isLoose(name)).length
  return { values, assignments, unordered: [], loose: Object.keys(values).filter(isLoose), effects: [] }
}

const RUNNING = `SELECT count(*)::int AS count FROM transient.execution WHERE id = ANY($1::bigint[]) AND status IN ('pending', 'running')`

/** Waits until these executions have ended, by asking the database, which may be away at times. */
export async function untilEnded(databaseUrl: string, ids: readonly string[], withinMs = 100_000): Promise<void> {
  const deadline = Date.now() + withinMs
  // One connection for all the questions: PostgreSQL forks for each, which would be a good part of what this machine can do.
  let asking: Client | null = null
  for (;;) {
    try {
      asking ??= await connectTo(databaseUrl)
      const { rows } = await asking.query<{ count: number }>(RUNNING, [ids])
      if (rows[0]?.count === 0) return await asking.end()
      if (Date.now() > deadline)
        throw new RangeError(`${rows[0]?.count} of ${ids.length} executions still run after ${withinMs} ms`)
    } catch (error) {
      await asking?.end().catch(() => undefined)
      asking = null
      if (error instanceof RangeError || Date.now() > deadline) throw error
    }
    await sleep(100)
  }
}
