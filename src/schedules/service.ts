import { randomUUID } from 'node:crypto'
import type { CatalogService } from '../catalog/service.js'
import { createBatcher } from '../core/batcher.js'
import { type Clock, systemClock } from '../core/clock.js'
import type { Page, PageRequest } from '../core/cursor.js'
import { TransientError } from '../core/errors.js'
import type { Database } from '../db/database.js'
import { checkedInput } from './input.js'
import { instantsAfter } from './instants.js'
import { type Firing, rhythmOf, type ScheduleInput, type ScheduleRecord } from './record.js'
import { deleteSchedule, findSchedule, lastFiringOfEach, pageSchedules, putSchedule, setPaused } from './store.js'

const MAX_UPCOMING = 400

/** What starts executions by the clock. */
export interface SchedulesService {
  /**
   * Makes one, or replaces the one of that name. @throws TransientError NOT_FOUND for a playbook that is not there; VALIDATION, with `problems` where
   * the workload does not fit the playbook's schema
   */
  set(input: ScheduleInput): Promise<ScheduleRecord>
  /** Nothing is started any more. @throws TransientError NOT_FOUND */
  pause(name: string): Promise<ScheduleRecord>
  /** What came meanwhile is dealt with as `missed` says. @throws TransientError NOT_FOUND */
  resume(name: string): Promise<ScheduleRecord>
  /** What it has started goes on. The one that was deleted; null where there is none. */
  remove(name: string): Promise<ScheduleRecord | null>
  /** By name. */
  list(page: PageRequest): Promise<Page<ScheduleRecord>>
  find(name: string): Promise<ScheduleRecord | null>
  /** What one has started last; null: nothing. */
  lastFiring(id: string): Promise<Firing | null>
  /** The next instants, 400 at most. @throws TransientError VALIDATION for a count that is none */
  upcoming(schedule: ScheduleRecord, count: number): Promise<Date[]>
}

export interface SchedulesOptions {
  readonly db: Database
  readonly catalog: Pick<CatalogService, 'get' | 'model'>
  /** Throws what would keep an execution from being started so now. */
  readonly check: (start: Pick<ScheduleInput, 'path' | 'version' | 'workload'>) => Promise<void>
  readonly clock?: Clock
}

/** The service over the database; `createScheduler` starts what is due. */
export function createSchedulesService({ db, catalog, check, clock = systemClock }: SchedulesOptions): SchedulesService {
  const lastFiring = createBatcher<string, Firing | null>({
    groupOf: () => '',
    load: async (ids) => {
      const found = await lastFiringOfEach(db, ids)
      return ids.map((id) => () => found.get(id) ?? null)
    },
  })

  async function changed(name: string, isPaused: boolean): Promise<ScheduleRecord> {
    const schedule = await setPaused(db, name, { isPaused })
    if (schedule === null) throw new TransientError('NOT_FOUND', `there is no schedule ${JSON.stringify(name.slice(0, 60))}`)
    return schedule
  }

  return {
    async set(given) {
      const input = checkedInput(given)
      const { path, version } = await catalog.get(input.path, input.version)
      checkReadable(input.workload, (await catalog.model(path, version)).sensitive)
      await check(input)
      const now = clock.now()
      // Where one of the name has the same rhythm, these stay as they are.
      const firstAt = new Date(now.getTime() + (input.everySeconds ?? 0) * 1000)
      const nextAt = instantsAfter(rhythmOf({ ...input, firstAt }), now).next().value ?? firstAt
      return putSchedule(db, { ...input, id: randomUUID(), reason: null, firstAt, nextAt })
    },
    pause: (name) => changed(name, true),
    resume: (name) => changed(name, false),
    async remove(name) {
      const schedule = await findSchedule(db, name)
      return schedule !== null && (await deleteSchedule(db, name)) ? schedule : null
    },
    list: (page) => pageSchedules(db.reading(page.signal), page),
    find: (name) => findSchedule(db, name),
    lastFiring: (id) => lastFiring(id),
    async upcoming(schedule, count) {
      if (!Number.isInteger(count) || count < 0)
        throw new TransientError('VALIDATION', 'count: a number from 0', { details: { field: 'count' } })
      const wanted = Math.min(count, MAX_UPCOMING)
      const found: Date[] = []
      if (wanted === 0) return found
      // Of a list each takes its turn, and so do others meanwhile.
      await new Promise(setImmediate)
      for (const at of instantsAfter(rhythmOf(schedule), clock.now())) {
        found.push(at)
        if (found.length === wanted) break
      }
      return found
    },
  }
}

/** A schedule is kept as it is given, for everybody who may see schedules. */
function checkReadable(workload: ScheduleRecord['workload'], sensitive: readonly string[]): void {
  const secret = Object.keys(workload ?? {}).find((key) => sensitive.includes(`workload.${key}`))
  if (secret === undefined) return
  const message = `workload: "${secret}" is sensitive in this playbook, and a schedule keeps what it is given unencrypted; let the playbook read it from a credential or from env`
  throw new TransientError('VALIDATION', message, { details: { field: 'workload' } })
}
