import { setTimeout as sleep } from 'node:timers/promises'
import { chain, LOOP_POOL, loop, PLACES, type StepKind } from './playbooks.js'

/**
 * The whole server in a process of its own, as `transient serve` runs it: the parent asks for runs over the channel, and gets how
 * long they took and what they cost this process.
 */
export interface EngineRequest {
  readonly kind: StepKind | 'loop'
  readonly executions: number
  /** Steps of each execution, or elements of its iterator. */
  readonly steps: number
}

export interface RunReport {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly rss: number
}

const POLL_MS = 5

const { loadConfig } = (await import(dist('config.js'))) as typeof import('../../../src/config.js')
const { startServer } = (await import(dist('server/main.js'))) as typeof import('../../../src/server/main.js')

function dist(file: string): string {
  return new URL(`../../../dist/${file}`, import.meta.url).href
}

const server = await startServer(loadConfig())
const { catalog, orchestrator, executions } = server.services
const paths = new Map<string, string>()

async function pathOf({ kind, steps }: EngineRequest): Promise<string> {
  const source = kind === 'loop' ? loop() : chain(kind, steps)
  const path = paths.get(source) ?? (await catalog.register(source)).path
  paths.set(source, path)
  return path
}

/** Waits for all of them; looks at those that are left together. */
async function ended(ids: readonly string[]): Promise<void> {
  for (let left = ids; left.length > 0; await sleep(POLL_MS)) {
    const found = await Promise.all(left.map((id) => executions.find(id)))
    const failed = found.find((execution) => execution?.status !== 'running' && execution?.status !== 'completed')
    if (failed !== undefined) throw new Error(`execution ${failed?.id} ${failed?.status}: ${failed?.error?.message}`)
    left = left.filter((_, index) => found[index]?.status === 'running')
  }
}

interface Places {
  /** Rejects when a place could not go on. */
  readonly done: Promise<unknown>
  close(): Promise<unknown>
}

/** Places that run the iterations: their tool costs nothing, so that what is measured is the engine. */
function openPlaces(): Places {
  let isOpen = true
  const places = Array.from({ length: PLACES }, async (_, index) => {
    while (isOpen) {
      const task = await orchestrator.claim({ pool: LOOP_POOL, workerId: `place ${index}`, waitMs: 200 })
      if (task) await orchestrator.complete({ taskId: task.id, attempt: task.attempt, token: task.token, result: 1 })
    }
  })
  const done = Promise.all(places)
  return {
    done,
    close() {
      isOpen = false
      return done
    },
  }
}

async function run(request: EngineRequest): Promise<RunReport> {
  const path = await pathOf(request)
  const workload = request.kind === 'loop' ? { items: Array.from({ length: request.steps }, (_, index) => index) } : {}
  const places = request.kind === 'loop' ? openPlaces() : null
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  const ids = await Promise.all(
    Array.from({ length: request.executions }, async () => (await orchestrator.start({ path, workload })).id),
  )
  await Promise.race([ended(ids), ...(places === null ? [] : [places.done])])
  const seconds = (performance.now() - startedAt) / 1000
  const used = process.cpuUsage(cpu)
  await places?.close()
  return { seconds, cpuSeconds: (used.user + used.system) / 1e6, rss: process.memoryUsage.rss() }
}

/** Whoever waits for a report sees the process end. */
function fail(error: unknown): void {
  console.error(error)
  process.exit(1)
}

process.on('message', (request: EngineRequest | 'end') => {
  if (request === 'end') void server.close().then(() => process.disconnect())
  else void run(request).then((report) => process.send?.(report), fail)
})
process.send?.('ready')
