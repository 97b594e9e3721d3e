import type { StepBus } from '../../src/bus/bus.js'
import { createMemoryBus } from '../../src/bus/index.js'
import { createCatalogService } from '../../src/catalog/service.js'
import { createWaits } from '../../src/commit/waits.js'
import { systemClock } from '../../src/core/clock.js'
import { createSnowflake, type ExecutionId } from '../../src/core/ids.js'
import type { JsonObject, JsonValue } from '../../src/core/json.js'
import { isFinished } from '../../src/core/status.js'
import type { Database } from '../../src/db/database.js'
import type { ExecutionRecord } from '../../src/executions/record.js'
import { findExecution } from '../../src/executions/store.js'
import { createOrchestrator } from '../../src/orchestrator/create.js'
import type { Limits } from '../../src/orchestrator/decide/types.js'
import type { ChainLimits } from '../../src/orchestrator/dependencies.js'
import type { Orchestrator } from '../../src/orchestrator/orchestrator.js'
import { readGiven } from '../../src/orchestrator/run/lookup.js'
import { type KeyRing, NO_KEYS } from '../../src/sealing/key-ring.js'
import { createToolbox, TOOLS, type Toolbox } from '../../src/tools/index.js'
import { createVariablesService, type VariablesService } from '../../src/variables/service.js'
import { within } from './pace.js'

export interface Engine {
  readonly db: Database
  readonly bus: StepBus
  readonly orchestrator: Orchestrator
  readonly variables: VariablesService
  /** Registers a source and starts it. */
  start(source: string, workload?: JsonObject): Promise<ExecutionRecord>
  /** Waits for the end of an execution. */
  ended(id: string): Promise<ExecutionRecord>
  /** Registers, starts, and waits for the end. */
  run(source: string, workload?: JsonObject): Promise<Finished>
  close(): Promise<void>
}

export interface Finished {
  readonly execution: ExecutionRecord
  readonly vars: Record<string, JsonValue>
  /** `step` or `step/iteration`, its status and result, in order. */
  readonly steps: { step: string; visit: number; status: string; attempts: number; result: JsonValue }[]
}

export interface EngineOptions extends Partial<Limits> {
  /** The clock behind the templates' budgets. */
  readonly elapsedMs?: () => number
  /** Tools that outlive the engine; by default it has its own. */
  readonly toolbox?: Toolbox
  readonly leaseMs?: number
  readonly claimPollMs?: number
  readonly chain?: ChainLimits
  /** A bus that it shares with others; closed with the engine. By default it has its own, in process. */
  readonly bus?: StepBus
  /** For sensitive values; none by default. */
  readonly keyRing?: KeyRing
  /** Names it among several on one database. */
  readonly processId?: string
}

const LIMITS: Limits = { stepLimit: 10_000, stepTimeoutMs: 20_000, childDepth: 10, maxDeliveries: 10 }
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined }

let machines = 0

/** Engines on one database make ids of their own. */
function nextMachine(): number {
  machines = (machines + 1) % 1024
  return machines
}

/** The real tools, without connections or credentials. */
export function testToolbox(): Toolbox {
  return createToolbox({
    connections: new Map(),
    credentials: new Map(),
    pythonPath: 'python3',
    // Steps write files that tests read; the sandbox has its own tests.
    pythonSandbox: 'off',
    hasPythonNetwork: true,
    pythonMemoryMib: 1024,
    allowHosts: [],
    isLoopbackOpen: true,
    ownPort: null,
  })
}

/** The whole engine on a database, in this process, with real tools. */
export async function openEngine(
  db: Database,
  {
    elapsedMs,
    claimPollMs,
    chain,
    toolbox: given,
    leaseMs = 30_000,
    bus = createMemoryBus(),
    processId,
    keyRing = NO_KEYS,
    ...limits
  }: EngineOptions = {},
): Promise<Engine> {
  const catalog = createCatalogService({ db, tools: TOOLS, keyRing })
  const waits = createWaits()
  const rules = { model: catalog.model, given: (id: ExecutionId) => readGiven({ db, keyRing }, id) }
  const variables = createVariablesService({ db, bus, keyRing, rules, waits })
  const toolbox = given ?? testToolbox()
  const newId = createSnowflake({ machine: nextMachine() })
  const orchestrator = createOrchestrator({
    db,
    bus,
    catalog,
    toolbox,
    newId,
    clock: systemClock,
    ...(elapsedMs ? { elapsedMs } : {}),
    limits: { ...LIMITS, ...limits },
    leaseMs,
    ...(claimPollMs ? { claimPollMs } : {}),
    ...(chain ? { chain } : {}),
    ...(processId ? { processId } : {}),
    concurrency: 8,
    keyRing,
    waits,
    env: { REGION: 'eu' },
    logger: SILENT,
  })
  await orchestrator.run()

  const start = async (source: string, workload: JsonObject = {}) => {
    const playbook = await catalog.register(source)
    return orchestrator.start({ path: playbook.path, workload })
  }
  const ended = async (id: string) => {
    const deadline = performance.now() + within(120_000)
    for (;;) {
      const execution = await findExecution(db, id)
      if (execution && isFinished(execution.status)) return execution
      if (performance.now() > deadline) throw new Error(`${id} is ${execution?.status}: ${JSON.stringify(await stepsOf(db, id))}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  return {
    db,
    bus,
    orchestrator,
    variables,
    start,
    ended,
    async run(source, workload) {
      const execution = await ended((await start(source, workload)).id)
      return { execution, vars: await variables.values(execution.id), steps: await stepsOf(db, execution.id) }
    },
    async close() {
      await orchestrator.drain()
      await bus.close()
      if (!given) await toolbox.close()
    },
  }
}

async function stepsOf(db: Database, id: string): Promise<Finished['steps']> {
  const rows = await db.rows<{ step: string; visit: number; status: string; attempts: number; result: string | null }>(
    `SELECT step, visit, status, attempts, result::text AS result FROM transient.step_run
     WHERE execution_id = $1::bigint AND iteration IS NULL ORDER BY run`,
    id,
  )
  return rows.map((row) => ({ ...row, result: row.result === null ? null : JSON.parse(row.result) }))
}
