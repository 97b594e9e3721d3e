import { type DestinationStream, type Logger, pino } from 'pino'

/** What JSON leaves as it is, though a terminal may take it for an order, or a viewer for the end of a line. */
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029]/g

/**
 * JSON lines on stdout, one per event, whatever stands in them. Written at once: the last line before an exit is the one
 * that matters.
 */
export function createLogger(level: string, destination: DestinationStream = pino.destination({ sync: true })): Logger {
  const write = (line: string): void => destination.write(line.replace(UNPRINTABLE, escaped))
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  )
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
