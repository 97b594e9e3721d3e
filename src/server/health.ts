import { setTimeout as sleep } from 'node:timers/promises'
import type { StepBus } from '../bus/index.js'
import type { Database } from '../db/database.js'
import type { Isolation } from '../tools/index.js'

/** Whether this process should get requests. */
export interface Readiness {
  /** From the end of the start until the drain begins. */
  isOpen: boolean
}

/** A part that is silent this long is taken for gone: whoever asks shall know within 2 s, also of a frozen server. */
const CHECK_TIMEOUT_MS = 1500

interface HealthParts {
  readonly readiness: Readiness
  readonly db: Database
  readonly bus: StepBus
  /** How python steps are kept apart from the machine. */
  readonly isolation: Isolation
  /** Whether sensitive values can be written and read. */
  readonly encryption: () => string
}

/** What is known of this process, for whoever sends it requests. */
export interface Health {
  /** `/health/live`: the process runs. */
  live(): Promise<Response>
  /**
   * `/health/ready`: whether it may get requests: database and bus respond. It also says whether python steps are isolated and sensitive
   * values can be had: that is for people to know, and makes no process unready.
   */
  ready(): Promise<Response>
}

export function createHealth({ readiness, db, bus, isolation, encryption }: HealthParts): Health {
  return {
    live: async () => respond(200, { status: 'live' }),
    async ready() {
      if (!readiness.isOpen) return respond(503, { status: 'draining' })
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
      return respond(status === 'ready' ? 200 : 503, { status, ...checks })
    },
  }
}

async function isInTime(check: Promise<boolean>): Promise<boolean> {
  const result = check.catch(() => false)
  return Promise.race([result, sleep(CHECK_TIMEOUT_MS, false, { ref: false })])
}

function respond(status: number, body: object): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
}
