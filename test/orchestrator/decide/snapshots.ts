import type { LoopState, RunState } from '../../../src/commit/run.js'
import { stepValue } from '../../../src/commit/run.js'
import type { JsonObject, JsonValue } from '../../../src/core/json.js'
import type { ExecutionRecord } from '../../../src/executions/record.js'
import type { Limits, Outcome, Snapshot } from '../../../src/orchestrator/decide/types.js'
import type { TaskRecord } from '../../../src/tasks/record.js'
import { modelOf, workflow } from '../../playbook/support.js'

export const NOW = new Date('2026-01-02T03:04:05.000Z')
export const LIMITS: Limits = { stepLimit: 5, stepTimeoutMs: 1000, childDepth: 2, maxDeliveries: 3 }
export const DONE: Outcome = { status: 'success', data: { n: 1 }, extras: {} }
export const BROKEN: Outcome = { status: 'error', error: { code: 'TOOL_FAILED', message: 'no' }, data: null, extras: {} }

interface Situation {
  /** The steps; the first is the one that the snapshot is about. */
  readonly steps: string
  readonly head?: string
  readonly vars?: JsonObject
  readonly results?: Record<string, JsonValue>
  readonly workload?: JsonObject
  readonly execution?: Partial<ExecutionRecord>
  readonly task?: Partial<TaskRecord>
  readonly run?: Partial<RunState>
  /** Makes the run an iteration of this visit. */
  readonly loop?: Partial<LoopState>
  readonly more?: Partial<Snapshot>
}

/** What a decision looks at, made from a few words. */
export function snapshotOf({ steps, head, workload = {}, ...situation }: Situation): Snapshot {
  const playbook = modelOf(workflow(steps, head))
  const step = playbook.steps[0]
  if (!step) throw new Error('no step')
  const run: RunState = { ...RUN, step: step.name, ...situation.run }
  const loop: LoopState = {
    total: 2,
    firstRun: 2,
    concurrency: 1,
    opened: 1,
    done: 0,
    failed: 0,
    stopped: null,
    ...situation.loop,
  }
  const isIteration = situation.loop !== undefined
  return {
    playbook,
    step,
    execution: { ...EXECUTION, workload, ...situation.execution },
    task: { ...TASK, kind: step.tool?.kind ?? 'step', ...situation.task },
    run: isIteration ? { ...run, run: 2, iteration: 0, item: 'first', parentRun: 1, ...situation.run } : run,
    parent: isIteration ? { ...RUN, step: step.name, attempts: 1, loop } : null,
    vars: situation.vars ?? {},
    workload,
    payload: {},
    env: {},
    steps: Object.fromEntries(Object.entries(situation.results ?? {}).map(([name, value]) => [name, stepValue(value, null)])),
    visits: [],
    otherLiveVisits: 0,
    iterations: [],
    ...situation.more,
  }
}

const EXECUTION: ExecutionRecord = {
  id: '77',
  status: 'running',
  playbookPath: 'test',
  playbookVersion: 1,
  workload: {},
  payload: {},
  revision: 3,
  eventSeq: 4,
  oldestRevision: 0,
  variableCount: 0,
  variableBytes: 0,
  historyCount: 0,
  openWaits: 0,
  runSeq: 1,
  stepCount: 1,
  error: null,
  parentId: null,
  parentTaskId: null,
  depth: 0,
  rerunOf: null,
  inherited: null,
  sensitive: [],
  sealed: null,
  createdAt: NOW,
  finishedAt: null,
  ending: null,
}

const TASK: TaskRecord = {
  executionId: '77',
  run: 1,
  attempt: 1,
  pool: 'default',
  kind: 'step',
  status: 'open',
  notBefore: NOW,
  leaseUntil: null,
  token: null,
  workerId: null,
  deliveries: 1,
  claimedAt: null,
  deadline: null,
  faults: 0,
  childId: null,
  input: null,
  sealed: null,
}

const RUN: RunState = {
  executionId: '77',
  run: 1,
  step: '',
  visit: 1,
  iteration: null,
  parentRun: null,
  status: 'running',
  attempts: 1,
  isPrepared: false,
  isSensitive: false,
  fault: null,
  args: {},
  item: null,
  locals: null,
  branch: null,
  loop: null,
  tools: null,
  wait: null,
  result: null,
  envelope: null,
  error: null,
  log: null,
  startedAt: NOW,
  finishedAt: null,
}
