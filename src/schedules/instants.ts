import { Cron } from 'croner'
import { Temporal } from 'temporal-polyfill'
import { TransientError } from '../core/errors.js'

/** When a schedule fires: by the clock of a time zone, or every so many seconds from a first instant. */
export type Rhythm =
  | { readonly cron: string; readonly timeZone: string }
  | { readonly everySeconds: number; readonly firstAt: Date }

/** Wall clock times that are looked at for one instant: a pattern of one date in four years has at most this many in a row in a gap. */
const MAX_LOOKS = 5_000

const MAX_LENGTH = 500
const NAMED = ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually']

/** A pattern of cron, read as wall clock times; @hourly and the like are names of some. @throws TransientError VALIDATION */
export function readCron(pattern: string): Cron {
  if (pattern.length > MAX_LENGTH) throw invalidCron(`it has ${pattern.length} characters, ${MAX_LENGTH} are possible`)
  const text = pattern.trim()
  const isNamed = text.startsWith('@')
  if (isNamed && !NAMED.includes(text.toLowerCase())) throw invalidCron(`${text} is none of ${NAMED.join(', ')}`)
  const fields = text === '' ? 0 : text.split(/\s+/).length
  if (!isNamed && fields !== 5)
    throw invalidCron(
      `it has ${fields} field${fields === 1 ? '' : 's'}, and needs 5: minute, hour, day of month, month, day of week (seconds are not possible)`,
    )
  let cron: Cron
  try {
    cron = new Cron(text, { mode: isNamed ? 'auto' : '5-part', utcOffset: 0, paused: true })
  } catch (error) {
    throw invalidCron(error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error))
  }
  if (cron.nextRun() === null) throw invalidCron('no such date ever comes')
  return cron
}

function invalidCron(why: string): TransientError {
  return new TransientError('VALIDATION', `cron: ${why}`, { details: { field: 'cron' } })
}

/** @throws TransientError VALIDATION */
export function checkTimeZone(timeZone: string): void {
  try {
    Temporal.Now.zonedDateTimeISO(timeZone)
  } catch {
    const message = `timeZone: "${timeZone.slice(0, 60)}" is no time zone; write one as Europe/Berlin, or UTC`
    throw new TransientError('VALIDATION', message, { details: { field: 'timeZone' } })
  }
}

/**
 * The instants of a rhythm after a moment, one after another. Of a local time that daylight saving skips it is the next valid minute, and one
 * that comes twice counts the first time only; in both cases once.
 */
export function* instantsAfter(rhythm: Rhythm, after: Date): Generator<Date, void> {
  if ('everySeconds' in rhythm) yield* gridAfter(rhythm.everySeconds * 1000, rhythm.firstAt.getTime(), after.getTime())
  else yield* cronAfter(readCron(rhythm.cron), rhythm.timeZone, after)
}

/** How far back is looked at first, and how much farther each time. */
const FIRST_SPAN_MS = 4 * 3_600_000
const SPAN_FACTOR = 8

/** The last instants from one to another, both included, in their order: so many at most. */
export function lastInstants(
  rhythm: Rhythm,
  { from, to, max }: { readonly from: Date; readonly to: Date; readonly max: number },
): Date[] {
  if ('everySeconds' in rhythm) {
    const start = Math.max(from.getTime(), to.getTime() - max * rhythm.everySeconds * 1000)
    return instantsBetween(rhythm, start, to.getTime()).slice(-max)
  }
  for (let span = FIRST_SPAN_MS; ; span *= SPAN_FACTOR) {
    const start = Math.max(from.getTime(), to.getTime() - span)
    const found = instantsBetween(rhythm, start, to.getTime())
    if (found.length >= max || start === from.getTime()) return found.slice(-max)
  }
}

function instantsBetween(rhythm: Rhythm, from: number, to: number): Date[] {
  const found: Date[] = []
  for (const at of instantsAfter(rhythm, new Date(from - 1))) {
    if (at.getTime() > to) break
    found.push(at)
  }
  return found
}

function* gridAfter(stepMs: number, first: number, after: number): Generator<Date, void> {
  const count = after < first ? 0 : Math.floor((after - first) / stepMs) + 1
  for (let at = first + count * stepMs; ; at += stepMs) yield new Date(at)
}

function* cronAfter(cron: Cron, timeZone: string, after: Date): Generator<Date, void> {
  const instantOf = createClock(timeZone)
  let last = after.getTime()
  // Wall clock times are read as if they were UTC, which has no gaps.
  let wall: Date | null = wallClock(after, timeZone)
  for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
    wall = cron.nextRun(wall)
    if (wall === null) return
    const at = instantOf(wall.getTime())
    if (at <= last) continue
    looks = 0
    last = at
    yield new Date(at)
  }
}

function wallClock(instant: Date, timeZone: string): Date {
  const local = Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(timeZone).toPlainDateTime()
  return new Date(local.toZonedDateTime('UTC').epochMilliseconds)
}

/** Farther from a transition than any is long. */
const MARGIN_MS = 48 * 3_600_000
/** Times that are farther apart have transitions between them: it does not pay to know where these are. */
const DENSE_MS = 40 * 24 * 3_600_000

/** What finds the instant of a wall clock time. Between two transitions of a zone that is a subtraction. */
function createClock(timeZone: string): (wall: number) => number {
  let known = { offset: 0, from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY }
  let lastWall = Number.NEGATIVE_INFINITY
  return (wall) => {
    const at = wall - known.offset
    if (at >= known.from && at < known.to) return at
    const found = instantOf(wall, timeZone)
    if (wall - lastWall < DENSE_MS) {
      known = {
        offset: found.offsetNanoseconds / 1e6,
        from: (found.getTimeZoneTransition('previous')?.epochMilliseconds ?? Number.NEGATIVE_INFINITY) + MARGIN_MS,
        to: (found.getTimeZoneTransition('next')?.epochMilliseconds ?? Number.POSITIVE_INFINITY) - MARGIN_MS,
      }
    }
    lastWall = wall
    return found.epochMilliseconds
  }
}

/** The first instant that a clock of the zone shows a time, or the first after the gap that the time is in. */
function instantOf(wall: number, timeZone: string): Temporal.ZonedDateTime {
  const local = Temporal.Instant.fromEpochMilliseconds(wall).toZonedDateTimeISO('UTC').toPlainDateTime()
  const earlier = local.toZonedDateTime(timeZone, { disambiguation: 'earlier' })
  if (earlier.toPlainDateTime().equals(local)) return earlier
  return earlier.getTimeZoneTransition('next') ?? earlier
}
