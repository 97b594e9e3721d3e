import { LRUCache } from 'lru-cache'
import { foldInto, notLoaded } from '../../commit/change-set.js'
import { computedReach } from '../../commit/computed.js'
import { changeRun, record } from '../../commit/draft.js'
import type { CommitQueue } from '../../commit/queue.js'
import type { RunState } from '../../commit/run.js'
import { loadRun } from '../../commit/run-store.js'
import { TransientError } from '../../core/errors.js'
import { isJsonObject, type JsonObject, stringifyJson } from '../../core/json.js'
import { ROLES, type Role } from '../../core/principal.js'
import { isUnderWay } from '../../core/status.js'
import type { AskState } from '../../executions/record.js'
import { MAX_PROBLEMS, type SchemaCheck, type SchemaProblem } from '../../schema/problem.js'
import { type AdvanceDependencies, advanceWork } from '../advance/advance.js'
import { keepValues } from '../advance/keep-values.js'
import { computingOf } from '../decide/context.js'
import { giveUp, isGivenUp } from '../decide/give-up.js'
import { matchedWait } from '../decide/wait.js'
import type { OrchestratorDependencies } from '../dependencies.js'
import type { AnswerRequest } from '../orchestrator.js'
import type { ExecutionLookup } from '../run/lookup.js'

interface AnswerDependencies extends AdvanceDependencies, Pick<OrchestratorDependencies, 'db'> {
  readonly commit: CommitQueue
  readonly lookup: ExecutionLookup
}

type Form = (values: JsonObject) => { readonly values: JsonObject; readonly problems: readonly SchemaProblem[] }

const MAX_FORMS = 200
/** Who answers where the step names nobody. */
const DEFAULT_ROLES: readonly Role[] = ['editor']

/**
 * Answers what a step asks: the values become variables, as one revision of the one who answers. What waits for a condition ends by that, as by any
 * write; what waits for nothing but an answer ends with it.
 */
export function createAnswer(deps: AnswerDependencies): (request: AnswerRequest) => Promise<void> {
  const forms = new LRUCache<string, Form>({ max: MAX_FORMS })

  async function formOf(schema: JsonObject): Promise<Form> {
    const key = stringifyJson(schema)
    const known = forms.get(key)
    if (known) return known
    const form = await compileForm(schema)
    forms.set(key, form)
    return form
  }

  return async (request) => {
    const { executionId, run: number, actor } = request
    const run = await loadRun(deps.db, executionId, number)
    if (!run) throw new TransientError('NOT_FOUND', `execution ${executionId} has no run ${number}`)
    const { ask } = run.wait ?? {}
    if (!ask) throw new TransientError('VALIDATION', `run: step "${run.step}" asks nobody`, { details: { field: 'run' } })
    checkRole(run, ask, request.role ?? 'viewer')
    checkOpen(run)
    const values = checkValues(ask, request.values, ask.form && (await formOf(ask.form)))
    const known = await deps.lookup.of(executionId)
    if (!known) throw new TransientError('NOT_FOUND', `execution ${executionId} has no playbook`)
    const writes = Object.entries(values).map(([name, value]) => {
      return { operation: 'set', name, value, type: 'user_defined', sourceStep: run.step } as const
    })
    const names = writes.map(({ name }) => name)
    const key = { executionId, run: number, attempt: run.attempts }
    const work = advanceWork(deps, {
      key,
      known,
      phase: 'end',
      *perform({ draft, task, advance }) {
        const current = draft.runs.get(number)
        const waiting = current?.wait
        if (!task || !current || !waiting?.ask || task.status !== 'waiting' || !isUnderWay(draft.execution.status))
          throw over(current ?? run)
        const written = notLoaded(draft, [...names, ...computedReach(known.playbook.computed, names)])
        if (written.length > 0) yield { written }
        const now = deps.clock.now()
        const { playbook, input, sensitive } = known
        const computing = computingOf(playbook, { workload: (input.workload ?? {}) as JsonObject, sensitive }, draft.execution)
        const folded = foldInto(draft, { writes, actor, now, schema: playbook.schema, computing })
        keepValues(draft, folded.changes)
        const answered = { by: actor, at: now.toISOString() }
        changeRun(draft, number, { wait: { ...waiting, ask: { ...waiting.ask, answered } } })
        const changed = { name: 'variables.changed', step: null, run: null, attempt: null }
        if (folded.changes.length > 0) record(draft, [{ ...changed, data: { actor, count: folded.changes.length } }])
        record(draft, [{ name: 'step.answered', step: run.step, run: number, attempt: task.attempt, data: { actor } }])
        if (waiting.until !== null) return
        const { limits, clock } = deps
        yield* advance(task, {
          log: null,
          decide: (snapshot, rejection) => {
            const end = { snapshot, limits, rejection, now: clock.now() }
            return isGivenUp(snapshot) ? giveUp(end) : matchedWait(end, folded.revision)
          },
        })
      },
    })
    await deps.commit.push(work)
  }
}

async function compileForm(schema: JsonObject): Promise<Form> {
  // Some hundred milliseconds that only forms need.
  const [{ openDocument }, { encodeBlock }, { fillDefaults }] = await Promise.all([
    import('../../schema/validator.js'),
    import('../../schema/keywords.js'),
    import('../../schema/defaults.js'),
  ])
  const block = { workload: schema }
  const check: SchemaCheck = await openDocument(encodeBlock(block)).checkAt('/workload')
  return (given) => {
    const values = fillDefaults(block, schema, given) as JsonObject
    return { values, problems: check(values) }
  }
}

/** @throws TransientError VALIDATION with `problems` */
function checkValues({ names }: AskState, given: unknown, form: Form | null): JsonObject {
  if (!isJsonObject(given as never))
    throw new TransientError('VALIDATION', 'values: must be an object', { details: { field: 'values' } })
  const { values, problems } = form?.(given as JsonObject) ?? { values: given as JsonObject, problems: [] }
  const unasked = Object.keys(values)
    .filter((name) => !names.includes(name))
    .map((name) => ({
      path: `/${name.replace(/~/g, '~0').replace(/\//g, '~1')}`,
      keyword: 'properties',
      message: 'is not asked for',
    }))
  const all = [...unasked, ...problems].slice(0, MAX_PROBLEMS)
  const [first] = all
  if (!first) return values
  const more = all.length > 1 ? ` (and ${all.length - 1} more)` : ''
  const message = `values: the answer does not fit the form: ${first.path === '' ? '' : `${first.path} `}${first.message}${more}`
  throw new TransientError('VALIDATION', message, {
    details: { field: 'values', problems: all.map((one): JsonObject => ({ ...one })) },
  })
}

/** @throws TransientError FORBIDDEN */
function checkRole({ step }: RunState, { roles }: AskState, role: Role): void {
  const wanted = roles.length === 0 ? DEFAULT_ROLES : roles
  const least = Math.min(...wanted.map((one) => ROLES.indexOf(one)))
  if (ROLES.indexOf(role) >= least) return
  const who = `${wanted.join(', ')}, or a role above`
  throw new TransientError('FORBIDDEN', `step "${step}" asks ${who}: yours is ${role}`, { details: { roles: [...wanted] } })
}

function checkOpen(run: RunState): void {
  if (run.status !== 'waiting') throw over(run)
}

/** Why an answer comes too late: who gave another one, or how the wait ended. */
function over({ step, run, wait, status }: Pick<RunState, 'step' | 'run' | 'wait' | 'status'>): TransientError {
  const answered = wait?.ask?.answered ?? null
  const details = { answeredBy: answered?.by ?? null, status }
  const why = answered ? `${answered.by} answered it at ${answered.at}` : ENDINGS[status]
  return new TransientError('CONFLICT', `the wait of step "${step}" (run ${run}) is over: ${why}`, { details })
}

const ENDINGS: Readonly<Partial<Record<RunState['status'], string>>> & Readonly<Record<string, string>> = {
  succeeded: 'its condition came true',
  failed: 'its time ran out',
  cancelled: 'it was cancelled',
  skipped: 'it was cancelled',
  running: 'it goes on',
  pending: 'it begins anew',
  waiting: 'it goes on',
}
