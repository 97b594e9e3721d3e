import { MAX_TASKS } from '../contract/tasks.js'
import type { Report, TaskCalls } from './tasks.js'

/** A completion that takes long keeps those that share its request, and no others. */
const MAX_IN_FLIGHT = 4

interface Waiting extends Report {
  readonly signal: AbortSignal | undefined
  readonly resolve: (response: Awaited<ReturnType<TaskCalls['complete']>>) => void
  readonly reject: (error: unknown) => void
}

/** Reports completions; what is reported at the same time, or while as many requests as may be are under way, shares one. */
export function createReports({ completeSeveral }: Pick<TaskCalls, 'completeSeveral'>): TaskCalls['complete'] {
  const waiting: Waiting[] = []
  let inFlight = 0

  function send(): void {
    while (waiting.length > 0 && inFlight < MAX_IN_FLIGHT) {
      const batch = waiting.splice(0, MAX_TASKS).filter(({ signal }) => !signal?.aborted)
      if (batch.length > 0) void deliver(batch)
    }
  }

  async function deliver(batch: readonly Waiting[]): Promise<void> {
    inFlight += 1
    try {
      const results = await completeSeveral(batch)
      for (const [index, { resolve, reject }] of batch.entries()) {
        const result = results[index]
        if (result?.status === 'fulfilled') resolve(result.value)
        else reject(result?.reason)
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
    inFlight -= 1
    send()
  }

  return (task, completion, signal) =>
    new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      if (waiting.length === 0) setImmediate(send)
      waiting.push({ task, completion, signal, resolve, reject })
    })
}
