import type { VariableWrite } from '../../commit/record.js'
import { VARIABLE_LIMITS } from '../../commit/record.js'
import { TransientError } from '../../core/errors.js'
import { checkListed } from '../../core/filter.js'
import type { JsonObject } from '../../core/json.js'
import type { Database } from '../../db/database.js'
import type { ExecutionRecord } from '../../executions/record.js'
import { readExecution } from '../../executions/record-store.js'
import type { Playbook } from '../../playbook/model.js'
import type { KeyRing } from '../../sealing/key-ring.js'
import { variableLocation } from '../../sealing/location.js'
import { allVariables } from '../../variables/read/page-store.js'
import { mergeWrites } from '../decide/vars.js'
import type { RerunRequest } from '../orchestrator.js'
import { openInput } from './sealed-input.js'
import type { Beginning } from './start.js'
import { loadRerunPoint, type RerunPoint } from './start-store.js'

export interface RerunDependencies {
  readonly db: Database
  readonly model: (path: string, version: number) => Promise<Playbook>
  readonly newId: () => string
  readonly keyRing: KeyRing
}

/**
 * Plans a new execution after an old one: same playbook version and workload; with `fromStep` also the variables and
 * step results as they were before that step's last visit, changed by the given variables (playbooks.md, "Rerun").
 * @throws TransientError NOT_FOUND, VALIDATION, REVISION_GONE; INTERNAL when the key of something sensitive is lost
 */
export async function planRerun(deps: RerunDependencies, request: RerunRequest): Promise<Beginning> {
  checkListed(request.variables, 'variables', VARIABLE_LIMITS.variableCount)
  const found = await readExecution(deps.db, request.id)
  if (!found) throw new TransientError('NOT_FOUND', `execution ${request.id} does not exist`)
  const execution = { ...found, ...openedInput(found, deps.keyRing) }
  const { playbookPath: path, playbookVersion: version } = execution
  if (path === null || version === null) {
    throw new TransientError('VALIDATION', `execution ${request.id} runs no playbook: there is nothing to rerun`, {
      details: { field: 'id' },
    })
  }
  const playbook = await deps.model(path, version)
  const given = givenWrites(request.variables ?? [])
  const from = await startingPoint(deps, execution, request.fromStep ?? null)
  const computed = new Set(playbook.computed.map(({ name }) => name))
  return {
    id: deps.newId(),
    playbook,
    path,
    version,
    payload: (execution.payload ?? {}) as JsonObject,
    rerun: {
      of: execution.id,
      step: request.fromStep ?? playbook.startStep,
      args: from.args,
      isArgsSensitive: from.isArgsSensitive,
      sensitive: from.sensitive,
      // What is computed is computed anew.
      writes: mergeWrites(
        from.writes.filter(({ name }) => !computed.has(name)),
        given,
      ),
      inherited: from.inherited,
      // One that failed while its workload was rendered has none: it is rendered again.
      workload: execution.runSeq === 0 ? null : (execution.workload as JsonObject | null),
      actor: request.actor,
    },
  }
}

/** @throws TransientError VALIDATION for a name that is given twice: which of the two was meant? */
function givenWrites(variables: NonNullable<RerunRequest['variables']>): VariableWrite[] {
  const seen = new Set<string>()
  return variables.map(({ name, value, isSensitive }): VariableWrite => {
    if (seen.has(name)) {
      const message = `variables: "${name.slice(0, 255)}" is given twice`
      throw new TransientError('VALIDATION', message, { details: { field: 'variables', name } })
    }
    seen.add(name)
    return { operation: 'set', name, value, type: 'user_defined', sourceStep: null, isSensitive }
  })
}

interface StartingPoint extends Pick<RerunPoint, 'args' | 'isArgsSensitive'> {
  readonly writes: VariableWrite[]
  readonly inherited: JsonObject
  readonly sensitive: readonly string[]
}

function openedInput(execution: ExecutionRecord, keyRing: KeyRing): Pick<ExecutionRecord, 'workload' | 'payload' | 'inherited'> {
  const { workload, payload, inherited, sensitive } = openInput(execution, keyRing)
  for (const fault of sensitive?.unreadable.values() ?? []) throw fault
  return { workload, payload, inherited }
}

async function startingPoint(
  { db, keyRing }: RerunDependencies,
  execution: ExecutionRecord,
  step: string | null,
): Promise<StartingPoint> {
  const kept = execution.sensitive.filter((name) => step !== null || !name.startsWith('results.'))
  if (step === null) return { args: {}, isArgsSensitive: false, writes: [], inherited: {}, sensitive: kept }
  const point = await loadRerunPoint(db, { id: execution.id, step }, keyRing)
  if (!point) {
    const message = `fromStep: execution ${execution.id} never reached a step "${step}"`
    throw new TransientError('VALIDATION', message, { details: { field: 'fromStep' } })
  }
  const { variables } = await allVariables(db, execution.id, point.revision)
  const writes = variables.map((variable): VariableWrite => {
    const { name, type, sourceStep, sealed, revision } = variable
    const write = { operation: 'set', name, type, sourceStep } as const
    if (sealed === null) return { ...write, value: variable.value }
    return { ...write, value: keyRing.open(sealed, variableLocation(execution.id, name, revision)), isSensitive: true }
  })
  const older = (execution.inherited ?? {}) as JsonObject
  const sensitive = [...kept, ...point.sensitiveSteps.map((name) => `results.${name}`)]
  const { args, isArgsSensitive } = point
  return { args, isArgsSensitive, writes, inherited: { ...older, ...point.results }, sensitive }
}
