import { setTimeout as sleep } from 'node:timers/promises'
import type { TaskRef } from '../../bus/bus.js'
import type { Draft } from '../../commit/draft.js'
import { errorMessage, isTransientError } from '../../core/errors.js'
import { isMissingKey } from '../../sealing/key-ring.js'
import { formatTaskId, parseTaskId } from '../../tasks/record.js'
import { boundLog } from '../../tools/index.js'
import { seriesOf } from '../../tools/tool.js'
import type { OrchestratorDependencies } from '../dependencies.js'
import type { ClaimedTask, CompleteRequest } from '../orchestrator.js'
import type { Attempts } from './attempts.js'

/** The worker inside the server's process. That of an only process always has the same name: its leases are void after a restart. */
export function embeddedWorkerId(processId: string | null): string {
  return processId === null ? 'embedded' : `embedded:${processId}`
}

const REPORT_ATTEMPTS = 6

export interface EmbeddedWorker {
  /** Runs one task from its claim to its report. */
  handle(task: TaskRef): Promise<void>
  /** Kills the tool of a task that was withdrawn. */
  abort(taskId: string): void
  /** Kills the tools of tasks that were withdrawn. */
  afterCommit(draft: Draft): void
  /** Somebody else may have withdrawn a task: looks whether it is still held here, and kills its tool where it is not. */
  recheck(taskId: string): void
  /** Resolves when nothing runs any more; kills what still runs after `graceMs`. */
  drain(graceMs: number): Promise<void>
}

type WorkerDependencies = Pick<OrchestratorDependencies, 'toolbox' | 'leaseMs' | 'logger' | 'processId'> & {
  readonly attempts: Attempts
}

export function createEmbeddedWorker(deps: WorkerDependencies): EmbeddedWorker {
  const { toolbox, leaseMs, logger, attempts, processId = null } = deps
  const id = embeddedWorkerId(processId)
  const running = new Map<string, { readonly controller: AbortController; readonly beat: () => void }>()
  const handled = new Set<Promise<void>>()

  async function run(task: ClaimedTask, controller: AbortController): Promise<CompleteRequest> {
    const log = boundLog()
    const outcome = await toolbox.run(task.kind, task.input, {
      signal: controller.signal,
      timeoutMs: task.timeoutMs,
      idempotencyKey: task.idempotencyKey,
      series: seriesOf(task.executionId, task),
      log: (text) => log.add(text),
    })
    return {
      taskId: task.id,
      attempt: task.attempt,
      token: task.token,
      result: outcome.data ?? null,
      error: outcome.status === 'error' ? outcome.error : null,
      extras: outcome.extras ?? {},
      log: log.text(),
    }
  }

  async function hold(task: ClaimedTask): Promise<void> {
    const controller = new AbortController()
    let isBeating = false
    // One at a time: while the task's row is locked by another, heartbeats that pile up would take every connection.
    const beatNow = () => {
      if (isBeating) return
      isBeating = true
      void beat(task, controller).finally(() => {
        isBeating = false
      })
    }
    running.set(task.id, { controller, beat: beatNow })
    const heartbeat = setInterval(beatNow, leaseMs / 3)
    try {
      const report = await run(task, controller)
      // Where the task was withdrawn or its lease lost, this changes nothing; in a drain others go on with it at once.
      if (controller.signal.aborted) await attempts.release({ taskId: task.id, attempt: task.attempt, token: task.token })
      else await deliver(report)
    } finally {
      clearInterval(heartbeat)
      running.delete(task.id)
    }
  }

  function beat(task: ClaimedTask, controller: AbortController): Promise<unknown> {
    return attempts.extend({ taskId: task.id, attempt: task.attempt, token: task.token }).catch((error: unknown) => {
      logger.warn({ task: task.id, reason: errorMessage(error) }, 'lease lost')
      if (isTransientError(error) && error.code === 'CONFLICT') controller.abort()
    })
  }

  /** A finished tool's result is worth waiting for the database. */
  async function deliver(report: CompleteRequest): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await attempts.complete(report)
        return
      } catch (error) {
        if (isMissingKey(error)) {
          // One that has the key runs it again: what this tool gave cannot be kept here.
          await attempts.release(report)
          return
        }
        if (isTransientError(error) && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND')) return
        if (attempt === REPORT_ATTEMPTS) throw error
        await sleep(100 * 2 ** attempt)
      }
    }
  }

  async function handle(ref: TaskRef): Promise<void> {
    const claimed = await attempts.begin(parseTaskId(ref.id), { id, isRemote: false })
    if (claimed) await hold(claimed)
  }

  return {
    async handle(ref) {
      const work = handle(ref).catch((error: unknown) => {
        logger.error({ task: ref.id, err: error }, 'a task could not be handled; the relay offers it again')
      })
      handled.add(work)
      await work
      handled.delete(work)
    },
    abort(taskId) {
      running.get(taskId)?.controller.abort()
    },
    afterCommit({ withdrawn }) {
      for (const task of withdrawn) running.get(formatTaskId(task))?.controller.abort()
    },
    recheck(taskId) {
      running.get(taskId)?.beat()
    },
    async drain(graceMs) {
      const timer = setTimeout(() => {
        for (const { controller } of running.values()) controller.abort()
      }, graceMs)
      await Promise.allSettled([...handled])
      clearTimeout(timer)
    },
  }
}
