import { setTimeout as sleep } from 'node:timers/promises'
import type { Victim } from './fleet.js'
import type { Fault } from './record.js'

const PAUSE_MS = { min: 120, max: 320 }
/** Most freezes are hiccups; some are longer than a lease, and whoever wakes up then is a ghost. */
const HICCUP_MS = { min: 50, max: 150 }
const GHOST_MS = { min: 1200, max: 1600 }
const GHOST_SHARE = 0.15
/** The rest is frozen: a start costs one or two seconds of a core, and the work has to be done, too. */
const KILLED_SHARE = 0.1

export interface Killer {
  readonly faults: readonly Fault[]
  /** Ends the faults: what is frozen goes on, what is down comes up. */
  stop(): Promise<void>
}

/** One kill -9 or SIGSTOP every 120 to 320 ms; what was killed is started again at once, what was frozen goes on later. */
export function startKiller(victims: readonly Victim[], random: () => number): Killer {
  const faults: Fault[] = []
  const alive = new Set(victims)
  const healing = new Set<Promise<void>>()
  const over = new AbortController()
  const between = ({ min, max }: { min: number; max: number }) => min + random() * (max - min)

  function strike(): void {
    const targets = victims.filter((victim) => alive.has(victim) && victim.pid() > 0)
    const victim = targets[Math.floor(random() * targets.length)]
    const isKill = random() < KILLED_SHARE
    const frozenMs = between(random() < GHOST_SHARE ? GHOST_MS : HICCUP_MS)
    if (victim === undefined) return
    alive.delete(victim)
    faults.push({ at: Date.now(), victim: victim.name, signal: isKill ? 'SIGKILL' : 'SIGSTOP' })
    const healed = (isKill ? revive(victim) : freeze(victim, frozenMs)).then(() => {
      alive.add(victim)
      healing.delete(healed)
    })
    healing.add(healed)
  }

  async function freeze(victim: Victim, ms: number): Promise<void> {
    const pid = victim.pid()
    process.kill(pid, 'SIGSTOP')
    await sleep(ms, undefined, { signal: over.signal }).catch(() => undefined)
    // Nobody else ends it while it is frozen, but the end of the test.
    if (victim.pid() === pid) process.kill(pid, 'SIGCONT')
  }

  const striking = (async () => {
    while (!over.signal.aborted) {
      await sleep(between(PAUSE_MS), undefined, { signal: over.signal }).catch(() => undefined)
      if (!over.signal.aborted) strike()
    }
  })()

  return {
    faults,
    async stop() {
      over.abort()
      await striking
      await Promise.all([...healing])
    },
  }
}

async function revive(victim: Victim): Promise<void> {
  await victim.kill()
  await victim.start()
}
