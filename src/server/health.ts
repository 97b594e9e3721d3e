import type { ServerResponse } from 'node:http'
import type { StepBus } from '../bus/index.js'
import type { Database } from '../db/index.js'

/** Whether this process should get requests. */
export interface Readiness {
  /** From the end of the start until the drain begins. */
  isOpen: boolean
}

interface HealthParts {
  readonly readiness: Readiness
  readonly db: Database
  readonly bus: StepBus
}

/** `/health/live`: the process runs. `/health/ready`: it may get requests, database and bus answer. */
export function createHealth({ readiness, db, bus }: HealthParts) {
  return async (path: string, response: ServerResponse): Promise<void> => {
    if (path === '/health/live') return send(response, 200, { status: 'live' })
    if (!readiness.isOpen) return send(response, 503, { status: 'draining' })
    const isDatabaseUp = await db.rows('SELECT 1').then(
      () => true,
      () => false,
    )
    const { isHealthy } = await bus.health()
    const status = isDatabaseUp && isHealthy ? 'ready' : 'unavailable'
    const checks = { database: isDatabaseUp ? 'up' : 'down', bus: isHealthy ? 'up' : 'down' }
    send(response, status === 'ready' ? 200 : 503, { status, ...checks })
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}
