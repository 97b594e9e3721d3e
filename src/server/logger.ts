import { type Logger, pino } from 'pino'

/** JSON lines on stdout, one per event. Written at once: the last line before an exit is the one that matters. */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  })
}
