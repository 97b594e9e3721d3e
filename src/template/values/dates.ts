import { isCalendarDay } from '../../core/time.js'

const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?$/

/** Milliseconds of an ISO 8601 date or date-time, UTC where no zone is given; null for any other text. */
export function parseDate(text: string): number | null {
  if (text.length > 40 || !ISO.test(text) || !isCalendarDay(text.slice(0, 10))) return null
  const full = text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T')
  const zoned = /(?:Z|[+-]\d\d(?::?\d\d)?)$/.test(full.slice(11)) ? full.replace(/([+-]\d\d)$/, '$1:00') : `${full}Z`
  const time = Date.parse(zoned.replace(/([+-]\d\d)(\d\d)$/, '$1:$2').replace(/(\.\d{3})\d+/, '$1'))
  return Number.isNaN(time) ? null : time
}

/** A date-time some seconds later, or null when there is no such date. */
export function shiftDate(text: string, seconds: number): string | null {
  const time = parseDate(text)
  if (time === null) return null
  const shifted = new Date(time + seconds * 1000)
  return Number.isNaN(shifted.getTime()) ? null : shifted.toISOString()
}

/** Seconds between two dates, or null when either text is none. */
export function secondsBetween(later: string, earlier: string): number | null {
  const to = parseDate(later)
  const from = parseDate(earlier)
  return to === null || from === null ? null : (to - from) / 1000
}
