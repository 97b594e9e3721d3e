import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StepBus } from '../bus/index.js'
import type { Database } from '../db/index.js'
import type { Isolation } from '../tools/index.js'

/** Whether this process should get requests. */
export interface Readiness {
  /** From the end of the start until the drain begins. */
  isOpen: boolean
}

/** A part that is silent this long is taken for gone: whoever asks shall know within 2 s, also of a frozen server. */
const PATIENCE_MS = 1500

interface HealthParts {
  readonly readiness: Readiness
  readonly db: Database
  readonly bus: StepBus
  /** How python steps are kept apart from the machine. */
  readonly isolation: Isolation
  /** Whether sensitive values can be written and read. */
  readonly encryption: () => string
}

/**
 * `/health/live`: the process runs. `/health/ready`: it may get requests, database and bus answer. It also says whether
 * python steps are isolated and sensitive values can be had: that is for people to know, and makes no process unready.
 */
export function createHealth({ readiness, db, bus, isolation, encryption }: HealthParts) {
  return async (path: string, response: ServerResponse): Promise<void> => {
    if (path === '/health/live') return send(response, 200, { status: 'live' })
    if (!readiness.isOpen) return send(response, 503, { status: 'draining' })
    const [isDatabaseUp, isHealthy] = await Promise.all([
      isInTime(db.rows('SELECT 1').then(() => true)),
      isInTime(bus.health().then((state) => state.isHealthy)),
    ])
    const isWritable = db.refusal() === null
    const status = isDatabaseUp && isHealthy && isWritable ? 'ready' : 'unavailable'
    const checks = {
      database: !isDatabaseUp ? 'down' : isWritable ? 'up' : 'read-only',
      bus: isHealthy ? 'up' : 'down',
      python: isolation,
      encryption: encryption(),
    }
    send(response, status === 'ready' ? 200 : 503, { status, ...checks })
  }
}

async function isInTime(check: Promise<boolean>): Promise<boolean> {
  const answered = check.catch(() => false)
  return Promise.race([answered, sleep(PATIENCE_MS, false, { ref: false })])
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}
