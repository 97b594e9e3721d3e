import { timingSafeEqual } from 'node:crypto'
import { createPrincipal, TASK_RIGHTS } from '../../core/principal.js'
import type { Database } from '../../db/database.js'
import { type HeldTask, listHeldTasks } from '../../tasks/held-store.js'
import { formatTaskId, type TaskKey, taskOfToken } from '../../tasks/record.js'
import type { Verified, Verifier } from '../verifier.js'

/** What a claimed task's `token` may be used for besides its heartbeats: the variables of its execution. */
export function taskTokenVerifier(db: Database): Verifier {
  async function leasedTasks(tokens: readonly string[]): Promise<Map<string, HeldTask>> {
    const keys = tokens.map(taskOfToken).filter((key): key is TaskKey => key !== null)
    const tasks = keys.length === 0 ? [] : await listHeldTasks(db, keys)
    const byId = new Map(tasks.map((task) => [formatTaskId(task), task]))
    return new Map(
      tokens.flatMap((token) => {
        const key = taskOfToken(token)
        const task = key === null ? undefined : byId.get(formatTaskId(key))
        return task !== undefined && isSame(token, task.token) ? [[token, task] as const] : []
      }),
    )
  }

  return {
    recognises: (given) => taskOfToken(given) !== null,
    async verify(given) {
      const task = (await leasedTasks([given])).get(given)
      return task === undefined ? null : verified(task)
    },
    async stillGood(all) {
      const good = await leasedTasks(all.map(({ proof }) => proof))
      return all.filter(({ proof }) => good.has(proof))
    },
  }
}

function verified(task: HeldTask): Verified {
  const who = { name: task.step, actor: `step:${task.step}`, role: 'worker', rights: TASK_RIGHTS } as const
  const bound = { executions: [task.executionId], taskId: formatTaskId(task) }
  return { principal: createPrincipal({ ...who, ...bound }), proof: task.token }
}

function isSame(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)]
  return left.length === right.length && timingSafeEqual(left, right)
}
