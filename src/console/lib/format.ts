const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A span as people say it: `340 ms`, `2.1 s`, `3 min 20 s`. */
export function formatDuration(ms: number): string {
  if (ms < SECOND) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 10 * SECOND) return `${(ms / SECOND).toFixed(1)} s`
  if (ms < MINUTE) return `${Math.round(ms / SECOND)} s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ${Math.floor((ms % MINUTE) / SECOND)} s`
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${Math.floor((ms % HOUR) / MINUTE)} min`
  return `${Math.floor(ms / DAY)} d ${Math.floor((ms % DAY) / HOUR)} h`
}

/** Made when it is first used: the browser takes 20 ms for each, and the page is not there yet. */
function dates(options: Intl.DateTimeFormatOptions): (date: Date) => string {
  let made: Intl.DateTimeFormat | null = null
  return (date) => {
    made ??= new Intl.DateTimeFormat(undefined, options)
    return made.format(date)
  }
}

const clock = dates({ hour: '2-digit', minute: '2-digit', second: '2-digit' })
const day = dates({ month: 'short', day: 'numeric' })
const full = dates({ dateStyle: 'medium', timeStyle: 'long' })

/** The time of today; before that the day, too. */
export function formatTime(iso: string, now = Date.now()): string {
  const date = new Date(iso)
  const isToday = new Date(now).toDateString() === date.toDateString()
  return isToday ? clock(date) : `${day(date)}, ${clock(date)}`
}

export function formatFullTime(iso: string): string {
  return full(new Date(iso))
}

/** `812 B`, `1.4 kB`, `2.0 MB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}

const count = new Intl.NumberFormat()

export function formatCount(number: number): string {
  return count.format(number)
}

/** `1 step`, `2 steps`. */
export function plural(number: number, noun: string): string {
  return `${formatCount(number)} ${noun}${number === 1 ? '' : 's'}`
}

/** `STEP_RESULT` -> `step result`. */
export function words(constant: string): string {
  return constant.toLowerCase().replaceAll('_', ' ')
}
