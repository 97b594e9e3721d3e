import type { ExecutionId } from '../core/ids.js'
import type { JsonObject } from '../core/json.js'
import type { Rhythm } from './instants.js'

export const MISSED = ['last', 'all', 'none'] as const
/** What becomes of instants that nobody was there for. */
export type Missed = (typeof MISSED)[number]

export const OVERLAPS = ['allow', 'skip', 'cancel'] as const
/** What becomes of an instant while an execution that the schedule started still runs. */
export type Overlap = (typeof OVERLAPS)[number]

/** What somebody wants started, and when. */
export interface ScheduleInput {
  readonly name: string
  readonly path: string
  /** By default the latest at that time. */
  readonly version?: number | null | undefined
  readonly cron?: string | null | undefined
  readonly everySeconds?: number | null | undefined
  /** IANA; by default UTC. */
  readonly timeZone?: string | null | undefined
  readonly workload?: JsonObject | null | undefined
  readonly missed?: Missed | null | undefined
  readonly overlap?: Overlap | null | undefined
  readonly isPaused?: boolean | null | undefined
}

export interface ScheduleRecord {
  readonly id: string
  readonly name: string
  readonly path: string
  /** null: the latest. */
  readonly version: number | null
  readonly cron: string | null
  readonly everySeconds: number | null
  readonly timeZone: string
  readonly workload: JsonObject | null
  readonly missed: Missed
  readonly overlap: Overlap
  readonly isPaused: boolean
  /** Why it was paused, where nobody did it by hand. */
  readonly reason: string | null
  readonly firstAt: Date
  /** The first instant that has not been dealt with. */
  readonly nextAt: Date
}

/** The last time that a schedule started something. */
export interface Firing {
  readonly instant: Date
  readonly executionId: ExecutionId
}

/** What says when it fires. */
export function rhythmOf({
  cron,
  everySeconds,
  timeZone,
  firstAt,
}: Pick<ScheduleRecord, 'cron' | 'everySeconds' | 'timeZone' | 'firstAt'>): Rhythm {
  return cron === null ? { everySeconds: everySeconds ?? 1, firstAt } : { cron, timeZone }
}
