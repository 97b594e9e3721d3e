import type { Measured } from './load.js'
import { type Cell, medianOf } from './report.js'

export type Round = Partial<Measured> & Pick<Measured, 'perSecond'>

/** One of those that are measured beside each other. */
export interface Contender {
  readonly name: string
  readonly connections: number
  run(): Promise<Round>
  readonly rounds: Round[]
}

export function contender(name: string, connections: number, run: Contender['run']): Contender {
  return { name, connections, run, rounds: [] }
}

/** Rounds are interleaved, so that a busy neighbour slows all of them; the first only warms up. */
export async function measureAll(contenders: readonly Contender[], rounds: number): Promise<void> {
  for (let round = 0; round <= rounds; round += 1) {
    for (const one of contenders) {
      const measured = await one.run()
      if (round > 0) one.rounds.push(measured)
      console.info(`round ${round}: ${one.name}, ${one.connections} connections: ${measured.perSecond.toFixed(0)}/s`)
    }
  }
}

/** The median over the rounds. */
export function figure(one: Contender | undefined, name: keyof Measured): number {
  return medianOf((one?.rounds ?? []).map((round) => Number(round[name])))
}

export const COLUMNS = ['p50, ms', 'p99, ms', 'CPU of the server each, µs', 'RSS of the server, MiB']

/** Name, connections, rate, and the COLUMNS. */
export function rowOf(one: Contender): Cell[] {
  const show = (name: keyof Measured, digits: number): string => {
    const value = figure(one, name)
    return Number.isNaN(value) ? '–' : value.toFixed(digits)
  }
  const latencies = [show('p50', 2), show('p99', 2)]
  return [one.name, one.connections, show('perSecond', 0), ...latencies, show('cpuMicros', 0), show('residentMib', 0)]
}
