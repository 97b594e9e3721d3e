import type { StepBus } from '../bus/bus.js'
import { type Folding, foldInto, notLoaded } from '../commit/change-set.js'
import { computedReach } from '../commit/computed.js'
import { checkRunning, type Draft, record } from '../commit/draft.js'
import { isPlain } from '../commit/flush.js'
import type { Needs } from '../commit/load.js'
import type { Outbox } from '../commit/outbox.js'
import { type CommitRequest, createCommitQueue } from '../commit/queue.js'
import type { ChangeRecord, VariableRecord, VariableWrite, WriteRequest, WriteResult } from '../commit/record.js'
import { checkVariableName, keyOf, VARIABLE_LIMITS, type WriteOutcome } from '../commit/record.js'
import type { Waits } from '../commit/waits.js'
import { createBatcher } from '../core/batcher.js'
import { type Clock, systemClock } from '../core/clock.js'
import type { Page, PageRequest } from '../core/cursor.js'
import type { VariableFilter } from '../core/filter.js'
import { checkListed } from '../core/filter.js'
import type { ExecutionId } from '../core/ids.js'
import { type JsonValue, stringifyJson } from '../core/json.js'
import { createSharedCalls } from '../core/shared-calls.js'
import { parseStreamId } from '../core/space.js'
import { isStorableText } from '../core/text.js'
import type { Database } from '../db/database.js'
import { createExecutionFeed, type ExecutionFeed } from '../executions/feed.js'
import { type KeyRing, NO_KEYS } from '../sealing/key-ring.js'
import { variableLocation } from '../sealing/location.js'
import { variablePages } from './read/list-store.js'
import { allVariables, findVariableAt, historyPage, searchPage, variableValues } from './read/page-store.js'
import { createReadQueue } from './read/read-queue.js'
import type { HistoryRequest, ListRequest, PollRequest, WatchEvent, WatchRequest } from './requests.js'
import { createRules, type RulesOf, type RulesSource } from './rules.js'
import type { Searchable } from './searchable.js'
import { findVariable } from './store.js'
import { pollVariables, watchVariables } from './watch/watch.js'

export type * from './requests.js'

/**
 * Everything one may do with variables: the seven operations of the seeds' `TransientVars` (get_cached, set_cached,
 * get_all_vars, get_all_vars_with_metadata, set_multiple, delete_var, cleanup_execution), and what revisions add.
 * GraphQL, REST and the orchestrator use this one implementation.
 */
export interface VariablesService {
  /** One variable, counted as a read before it is returned (the first read says 1). */
  read(executionId: ExecutionId, name: string): Promise<VariableRecord | null>
  /** One variable, not counted: as it is, or as one revision set it. */
  find(executionId: ExecutionId, name: string, revision?: number): Promise<VariableRecord | null>
  /** One variable with its sensitive value instead of the mask, not counted. @throws TransientError INTERNAL when its key is lost */
  reveal(executionId: ExecutionId, name: string): Promise<VariableRecord | null>
  /** All variables by `created_at` with the revision of the same snapshot; counts no read. */
  all(
    executionId: ExecutionId,
    signal?: AbortSignal,
  ): Promise<{ readonly revision: number; readonly variables: VariableRecord[] }>
  /** One page with the revision to watch from, read in the same snapshot. */
  list(request: ListRequest): Promise<Page<VariableRecord> & { readonly revision: number }>
  /** Across executions. */
  search(filter: VariableFilter, page: PageRequest): Promise<Page<VariableRecord>>
  /** The change log in the order of revisions. */
  history(request: HistoryRequest): Promise<Page<ChangeRecord>>
  /** All variables as one object, as they were at a revision (default: now). */
  values(executionId: ExecutionId, asOf?: number | null): Promise<Record<string, JsonValue>>
  /** One change set, all or nothing, one revision. Creates the execution where it does not exist and the write sets something. */
  write(request: WriteRequest): Promise<WriteResult>
  /** Deletes all variables of an execution, as one change set. */
  deleteAll(executionId: ExecutionId, actor: string): Promise<{ readonly revision: number; readonly deletedCount: number }>
  /** The six guarantees of contract.md ("Watch"): pulls from the change log by revision; the bus only wakes. */
  watch(request: WatchRequest): AsyncGenerator<WatchEvent, void, undefined>
  /** Long-poll: the changes after a revision, as soon as there are any, or none at the end of `waitMs`. Who gets the same gets the same array. */
  poll(request: PollRequest): Promise<{ readonly revision: number; readonly changes: readonly ChangeRecord[] }>
}

export interface VariablesOptions {
  readonly db: Database
  readonly bus: StepBus
  readonly clock?: Clock
  /** Without it sensitive values are refused. */
  readonly keyRing?: KeyRing
  /** Variables that may wait to be written at once. */
  readonly maxWaiting?: number
  /** Wakes the watchers: one for all services of a process. */
  readonly feed?: ExecutionFeed
  /** By what playbooks say of variables those are checked, and computed, that are written to their executions. */
  readonly rules?: RulesSource
  /** Who is to be told of changes. */
  readonly outbox?: Outbox
  /** What ends waits that writes fulfil. */
  readonly waits?: Waits
  /** Names by whose values variables are found through an index. */
  readonly searchable?: Searchable
}

/** Variables in one transaction, and in all that may wait before memory and callers' timeouts run out; small transactions cost more than they gain. */
const GROUPS = { isRemembering: true, maxSize: 200, maxTransactions: 3, minBeside: 8, maxWaiting: 20_000 }

/** The variables service over a database; the bus only carries hints. */
export function createVariablesService(options: VariablesOptions): VariablesService {
  const {
    db,
    bus,
    clock = systemClock,
    keyRing = NO_KEYS,
    feed = createExecutionFeed({ db, bus }),
    maxWaiting,
    outbox,
    waits,
  } = options
  const countedRead = createReadQueue({ sql: db, clock })
  const rules = createRules(options.rules)
  const commit = createCommitQueue({
    db,
    keyRing,
    ...GROUPS,
    ...{ outbox, waits },
    ...(maxWaiting ? { maxWaiting } : {}),
    afterCommit: (draft) => (isPlain(draft) ? hint(bus, draft) : waits?.committed(draft)),
  })
  const listed = createBatcher<ListRequest, Page<VariableRecord> & { readonly revision: number }>({
    groupOf: ({ executionId: _, signal: __, ...rest }) => stringifyJson(rest as unknown as JsonValue),
    load: (requests, signal) => variablePages(db.reading(signal), requests),
  })
  const watching = { sql: db, share: createSharedCalls(), feed }

  /** A name that no variable could have is the caller's fault, unless a database taken over from NoETL holds it. */
  async function byName(executionId: ExecutionId, name: string, read: typeof countedRead): Promise<VariableRecord | null> {
    const id = parseStreamId(executionId)
    const variable = isStorableText(name) ? await read(id, name) : null
    if (variable === null) checkVariableName(name)
    return variable
  }

  return {
    read: (executionId, name) => byName(executionId, name, countedRead),
    find: (executionId, name, revision) =>
      byName(executionId, name, (id, wanted) =>
        revision === undefined ? findVariable(db, id, wanted) : findVariableAt(db, { executionId: id, name: wanted, revision }),
      ),
    async reveal(executionId, name) {
      const variable = await byName(executionId, name, (id, wanted) => findVariable(db, id, wanted))
      return variable === null ? null : revealed(variable, keyRing)
    },
    all: async (executionId, signal) => allVariables(db.reading(signal), parseStreamId(executionId)),
    list: async (request) => listed({ ...request, executionId: parseStreamId(request.executionId) }, request.signal),
    search: async (filter, page) => searchPage(db.reading(page.signal), { filter, page, searchable: options.searchable }),
    history: async (request) => {
      if (request.name !== null && request.name !== undefined) checkStorableName(request.name)
      return historyPage(db.reading(request.signal), request)
    },
    values: async (executionId, asOf = null) => variableValues(db.reading(), parseStreamId(executionId), asOf),

    write: async (request) => {
      checkListed(request.writes, 'variables', VARIABLE_LIMITS.variableCount)
      for (const { name } of request.writes) checkStorableName(name)
      const executionId = parseStreamId(request.executionId)
      return rules.use((rulesOf) => commit.push(changeSet({ ...request, executionId }, { clock, rulesOf })))
    },

    async deleteAll(executionId, actor) {
      const id = parseStreamId(executionId)
      const { revision, outcomes } = await rules.use((rulesOf) => commit.push(deletion(id, actor, { clock, rulesOf })))
      return { revision, deletedCount: outcomes.length }
    },

    watch: (request) => watchVariables(watching, request),
    poll: (request) => pollVariables(watching, request),
  }
}

interface Writing {
  readonly clock: Clock
  readonly rulesOf: RulesOf
}

/** Whether a write needs more than its rows. */
function isSpecial(write: VariableWrite): boolean {
  return ('isSensitive' in write && write.isSensitive === true) || ('ttl' in write && write.ttl !== undefined)
}

/** A change set as a work: a lone one of an execution that is remembered is one statement. */
function changeSet({ executionId, writes, actor, space }: WriteRequest, { clock, rulesOf }: Writing): CommitRequest<WriteResult> {
  const isPlain = writes.every((write) => write.operation !== 'delete' && !isSpecial(write))
  const isSetting = writes.some(({ operation }) => operation !== 'delete')
  const names = writes.map(({ name }) => name)
  return {
    executionId,
    needs: { written: names, begins: isSetting ? 'unless there' : undefined, space },
    work(draft) {
      const folding = { writes, actor, now: clock.now(), ...rulesOf(draft.execution) }
      const { computing } = folding
      const missing = computing ? notLoaded(draft, computedReach(computing.variables, names)) : []
      return missing.length === 0 ? write(draft, folding) : loadAndWrite(draft, missing, folding)
    },
    size: Math.max(writes.length, 1),
    optimistic: isPlain ? OPTIMISTIC : undefined,
  }
}

/** What computed variables go by is locked, too. */
function* loadAndWrite(draft: Draft, missing: readonly string[], folding: Folding): Generator<Needs, WriteResult, void> {
  yield { written: missing }
  return write(draft, folding)
}

function deletion(executionId: ExecutionId, actor: string, { clock, rulesOf }: Writing): CommitRequest<WriteResult> {
  return {
    executionId,
    needs: { written: 'all' },
    work(draft) {
      const rules = rulesOf(draft.execution)
      const computed = new Set(rules.computing?.variables.map(({ name }) => name))
      const names = [...draft.present.keys()].filter((name) => !computed.has(name))
      const writes = names.map((name) => ({ operation: 'delete', name }) as const)
      const folding = { writes, actor, now: clock.now(), ...rules }
      const missing = notLoaded(draft, computedReach(rules.computing?.variables ?? [], names))
      return missing.length === 0 ? write(draft, folding) : loadAndWrite(draft, missing, folding)
    },
  }
}

/** One change set with its event. @throws TransientError EXECUTION_FINISHED, VALIDATION, CONFLICT, TOO_LARGE, SCHEMA, COMPUTED_FAILED */
function write(draft: Draft, folding: Folding): WriteResult {
  checkRunning(draft)
  const { revision, outcomes, changes } = foldInto(draft, folding)
  const data = { actor: folding.actor, count: changes.length }
  if (changes.length > 0) record(draft, [{ name: 'variables.changed', step: null, run: null, attempt: null, data }])
  return { revision, outcomes }
}

function isDecided({ outcomes }: WriteResult): boolean {
  return outcomes.every(({ isChanged }) => isChanged)
}

function withCounts(result: WriteResult, counts: ReadonlyMap<string, number>): WriteResult {
  const outcomes = result.outcomes.map((outcome): WriteOutcome => {
    const { variable } = outcome
    const accessCount = variable && counts.get(keyOf(variable.executionId, variable.name))
    if (!variable || accessCount == null || accessCount === variable.accessCount) return outcome
    return { ...outcome, variable: { ...variable, accessCount } }
  })
  return { ...result, outcomes }
}

const OPTIMISTIC = { isDecided, withCounts }

/** A lost hint costs a watcher a second. */
function hint(bus: StepBus, { execution: { id, revision, eventSeq } }: Draft): undefined {
  bus.hint({ executionId: id, revision, eventSeq })
}

function revealed(variable: VariableRecord, keyRing: KeyRing): VariableRecord {
  const { executionId, name, revision, sealed } = variable
  return sealed === null
    ? variable
    : { ...variable, view: 'revealed', value: keyRing.open(sealed, variableLocation(executionId, name, revision)) }
}

/** Before any SQL sees it: a text that no database can hold is no name, not even one taken over. */
function checkStorableName(name: string): void {
  if (!isStorableText(name)) checkVariableName(name)
}
