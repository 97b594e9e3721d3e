import type { ChangeRecord } from '../commit/record.js'
import type { VariableFilter } from '../core/filter.js'
import type { ExecutionId } from '../core/ids.js'
import type { JsonValue } from '../core/json.js'
import { checkCondition, followCondition, namesIn } from './condition.js'
import type { VariablesService } from './service.js'

export interface UntilRequest {
  readonly executionId: ExecutionId
  /** An expression over variables. */
  readonly until: string
  /** The state there is tested, too; without it the present state first. */
  readonly afterRevision: number | undefined
  readonly waitMs: number
  readonly signal: AbortSignal
}

export interface UntilAnswer {
  /** At which the condition held, or to go on from. */
  readonly revision: number
  readonly isMatched: boolean
  /** All variables, as they were at that revision. */
  readonly variables: Readonly<Record<string, JsonValue>>
}

/**
 * Waits until a condition holds. Each revision of the change log is tested, so that nothing is missed between two calls of which the second goes on from
 * the first's revision.
 * @throws TransientError VALIDATION for a condition that is none; REVISION_GONE
 */
export async function waitUntil(
  variables: Pick<VariablesService, 'all' | 'values' | 'poll'>,
  { executionId, until, afterRevision, waitMs, signal }: UntilRequest,
): Promise<UntilAnswer> {
  checkCondition(until, 'until')
  const names = namesIn(until)
  const endsAt = performance.now() + waitMs
  const start = await startOf(variables, { executionId, afterRevision, signal })
  const condition = followCondition(until, start.values)
  const answer = async (revision: number, isMatched: boolean): Promise<UntilAnswer> => ({
    ...{ revision, isMatched },
    variables: revision === start.revision ? start.values : await variables.values(executionId, revision),
  })
  if (condition.holds()) return answer(start.revision, true)
  for (let revision = start.revision; ; ) {
    const leftMs = Math.max(0, endsAt - performance.now())
    const polled = await variables.poll({ executionId, names, afterRevision: revision, waitMs: leftMs, signal })
    for (const [changed, changes] of byRevision(polled.changes)) {
      condition.take(changes)
      if (condition.holds()) return answer(changed, true)
    }
    revision = polled.revision
    if (signal.aborted || performance.now() >= endsAt) return answer(revision, false)
  }
}

async function startOf(
  variables: Pick<VariablesService, 'all' | 'values'>,
  { executionId, afterRevision, signal }: Pick<UntilRequest, 'executionId' | 'afterRevision' | 'signal'>,
) {
  if (afterRevision !== undefined) return { revision: afterRevision, values: await variables.values(executionId, afterRevision) }
  const { revision, variables: all } = await variables.all(executionId, signal)
  return { revision, values: Object.fromEntries(all.map(({ name, value }) => [name, value])) }
}

function byRevision(changes: readonly ChangeRecord[]): Map<number, ChangeRecord[]> {
  const sets = new Map<number, ChangeRecord[]>()
  for (const change of changes) sets.set(change.revision, [...(sets.get(change.revision) ?? []), change])
  return sets
}

export interface MatchRequest {
  readonly executionId: ExecutionId
  /** Variables that there must be, one for each. */
  readonly where: readonly VariableFilter[]
  readonly afterRevision: number | null
  /** `rising`: only revisions at which it becomes true. */
  readonly edge: 'level' | 'rising'
  readonly signal: AbortSignal
}

/** Revisions at which an execution has a variable for each filter, beginning with the state that it starts from. Throws as `watch` does. */
export async function* watchMatches(
  variables: Pick<VariablesService, 'list' | 'watch'>,
  { executionId, where, afterRevision, edge, signal }: MatchRequest,
): AsyncGenerator<{ readonly executionId: ExecutionId; readonly revision: number }, void, undefined> {
  let held = false
  for await (const { kind, revision } of variables.watch({ executionId, afterRevision, signal })) {
    if (kind === 'bookmark') continue
    const before = held
    held = await holdsAt(variables, { executionId, where, revision })
    if (held && (edge === 'level' || !before)) yield { executionId, revision }
  }
}

async function holdsAt(
  variables: Pick<VariablesService, 'list'>,
  { executionId, where, revision }: Pick<MatchRequest, 'executionId' | 'where'> & { readonly revision: number },
): Promise<boolean> {
  for (const filter of where) {
    const { items } = await variables.list({ executionId, filter, asOf: revision, first: 1, after: null })
    if (items.length === 0) return false
  }
  return true
}
