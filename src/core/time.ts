const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ]((?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?)(Z|[+-]\d\d(?::?\d\d)?)?)?$/

/**
 * The moment that an ISO 8601 date or date-time names; null for any other text. A date alone is its beginning in UTC, a date-time
 * without an offset is local. JavaScript's Date would take the 30th of February for a day in March, and knows years that PostgreSQL does not.
 */
export function parseTime(text: string): Date | null {
  const [, day, time, offset = ''] = ISO.exec(text.toUpperCase()) ?? []
  if (day === undefined || !isCalendarDay(day)) return null
  const moment = new Date(time === undefined ? `${day}T00:00:00Z` : `${day}T${time}${withMinutes(offset)}`)
  if (Number.isNaN(moment.getTime())) return null
  const year = moment.getUTCFullYear()
  return year >= 1 && year <= 9999 ? moment : null
}

/** Whether the text, of the form `2026-01-31`, is a day that there is. */
export function isCalendarDay(text: string): boolean {
  const day = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text)
}

function withMinutes(offset: string): string {
  return offset.replace(/^([+-]\d\d):?(\d\d)?$/, (_offset, hours: string, minutes = '00') => `${hours}:${minutes}`)
}
