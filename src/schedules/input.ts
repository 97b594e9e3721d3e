import { TransientError } from '../core/errors.js'
import { checkTimeZone, readCron } from './instants.js'
import type { ScheduleInput, ScheduleRecord } from './record.js'
import { MISSED, OVERLAPS } from './record.js'

const MAX_SECONDS = 366 * 86_400
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:/ -]{0,199}$/

function invalid(field: string, why: string): TransientError {
  return new TransientError('VALIDATION', `${field}: ${why}`, { details: { field } })
}

type Checked = Omit<ScheduleRecord, 'id' | 'reason' | 'firstAt' | 'nextAt'>

/** @throws TransientError VALIDATION */
export function checkedInput(given: ScheduleInput): Checked {
  const { name, path, version = null, cron = null, everySeconds = null, workload = null } = given
  const timeZone = given.timeZone ?? 'UTC'
  if (!NAME.test(name))
    throw invalid('name', 'letters, digits, _ . : / - and spaces, at most 200, beginning with a letter, digit or _')
  if (version !== null && (!Number.isInteger(version) || version < 1)) throw invalid('version', 'a number from 1')
  if ((cron === null) === (everySeconds === null))
    throw invalid(cron === null ? 'cron' : 'everySeconds', 'give either cron or everySeconds')
  if (cron !== null) readCron(cron)
  if (everySeconds !== null && (!Number.isInteger(everySeconds) || everySeconds < 1 || everySeconds > MAX_SECONDS))
    throw invalid('everySeconds', `a number of seconds from 1 to ${MAX_SECONDS}`)
  checkTimeZone(timeZone)
  const missed = given.missed ?? 'last'
  const overlap = given.overlap ?? 'allow'
  if (!MISSED.includes(missed)) throw invalid('missed', `${MISSED.join(', ')} are possible`)
  if (!OVERLAPS.includes(overlap)) throw invalid('overlap', `${OVERLAPS.join(', ')} are possible`)
  const rhythm = { cron: cron?.trim() ?? null, everySeconds, timeZone }
  return { name, path, version, ...rhythm, workload, missed, overlap, isPaused: given.isPaused ?? false }
}
