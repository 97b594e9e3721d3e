import type { Draft } from '../../commit/draft.js'
import { loadFinalResult } from '../../commit/result-store.js'
import { isTransientError, TransientError } from '../../core/errors.js'
import type { ExecutionId } from '../../core/ids.js'
import { isJsonObject, type JsonObject } from '../../core/json.js'
import { isFinished } from '../../core/status.js'
import type { ExecutionRecord } from '../../executions/record.js'
import { findExecution } from '../../executions/store.js'
import { isMissingKey, NO_KEYS } from '../../sealing/key-ring.js'
import { formatTaskId, inputOf, parseTaskId, type TaskKey, type TaskRecord } from '../../tasks/record.js'
import { findTask, noteFault } from '../../tasks/store.js'
import { followUp } from '../after-commit.js'
import { isGivenUp } from '../decide/give-up.js'
import { failure } from '../decide/outcome.js'
import { SENSITIVE_ARGS } from '../decide/prepare.js'
import type { Outcome } from '../decide/types.js'
import type { OrchestratorDependencies } from '../dependencies.js'
import type { Attempts } from '../run/attempts.js'
import { beginExecution, type StartDependencies } from '../start/start.js'

export interface Children {
  /** Starts the child that a waiting task was given, or ends the task when it has ended. Safe to repeat at any time. */
  resume(key: TaskKey): Promise<void>
  /** Goes on with children: starts those that are waited for, cancels those that nobody waits for, and tells the parent of one that ended. */
  afterCommit(draft: Draft): Promise<void>
}

interface ChildrenDependencies extends StartDependencies, Pick<OrchestratorDependencies, 'catalog' | 'logger'> {
  readonly attempts: Attempts
  readonly cancelOrphan: (id: ExecutionId) => Promise<void>
}

/** In whose place the decision puts what it says of a task that was given up. */
const LOST = { code: 'TOOL_FAILED', message: 'the child could not be started or ended' } as const

/** Child executions: parent and child change in transactions of their own, and each step of it can be made again. */
export function createChildren(deps: ChildrenDependencies): Children {
  const { keyRing = NO_KEYS } = deps

  async function start(task: TaskRecord, childId: string): Promise<void> {
    const input = inputOf(task, keyRing) ?? {}
    const sensitive = input[SENSITIVE_ARGS]
    const parent = await findExecution(deps.db, task.executionId)
    if (!parent) return
    const path = typeof input['path'] === 'string' ? input['path'] : ''
    const record = await deps.catalog.get(path, versionOf(input))
    const playbook = await deps.catalog.model(record.path, record.version)
    await beginExecution(deps, {
      id: childId,
      playbook,
      path: record.path,
      version: record.version,
      payload: isJsonObject(input['args']) ? input['args'] : {},
      sensitiveKeys: Array.isArray(sensitive) ? sensitive.map(String) : [],
      parent: { id: parent.id, taskId: formatTaskId(task), depth: parent.depth + 1 },
    })
  }

  async function resume(key: TaskKey): Promise<void> {
    const task = await findTask(deps.db, key)
    if (task?.status !== 'waiting' || !task.childId) return
    const child = await findExecution(deps.db, task.childId)
    if (child && !isFinished(child.status)) return
    let outcome: Outcome | null = isGivenUp({ task }) ? failure(LOST) : null
    try {
      if (outcome === null && child) outcome = await childOutcome(child)
      if (outcome === null) await start(task, task.childId)
    } catch (error) {
      // Another process, or the relay of this one, has just started the same child.
      if (!child && (await findExecution(deps.db, task.childId))) return
      if (isMissingKey(error)) throw error
      if (!isTransientError(error)) await noteFault(deps.db, key)
      if (!isTransientError(error) || error.code === 'OVERLOADED') throw error
      outcome = failure({ code: error.code === 'SCHEMA' ? 'SCHEMA' : 'TOOL_FAILED', message: error.message })
    }
    if (outcome) await deps.attempts.completeWaiting(key, outcome)
  }

  async function childOutcome(child: ExecutionRecord): Promise<Outcome> {
    const extras: JsonObject = { execution_id: child.id }
    if (child.status === 'completed') return { status: 'success', ...(await loadFinalResult(deps.db, child.id, keyRing)), extras }
    const why = child.error ? `: ${child.error.code} ${child.error.message}` : ''
    const message = `child execution ${child.id} of playbook "${child.playbookPath}" ${child.status}${why}`
    return { status: 'error', error: { code: 'TOOL_FAILED', message }, data: null, extras }
  }

  async function afterCommit({ execution, waiting, withdrawn }: Draft): Promise<void> {
    const { logger, cancelOrphan } = deps
    for (const task of waiting) await followUp(logger, () => resume(task))
    for (const { childId } of withdrawn) if (childId) await followUp(logger, () => cancelOrphan(childId))
    const { parentTaskId } = execution
    if (isFinished(execution.status) && parentTaskId) await followUp(logger, () => resume(parseTaskId(parentTaskId)))
  }

  return { resume, afterCommit }
}

function versionOf(input: JsonObject): number | null {
  const version = input['version'] ?? null
  if (version === null) return null
  const number = Number(version)
  if (Number.isInteger(number) && number > 0) return number
  throw new TransientError('VALIDATION', 'version: a playbook version is a whole number from 1')
}
