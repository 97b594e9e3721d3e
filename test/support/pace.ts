import { readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'

/** However busy the machine is, a test that hangs shall end some time. */
const MOST = 8

/**
 * How many times as long as on an idle machine things may take here: what TEST_PACE says, else what the machine has to do now, for each
 * of its processors. Timeouts and leases of tests are numbers for an idle machine, times this.
 */
export const PACE =
  Number(process.env['TEST_PACE']) || Math.min(MOST, Math.max(2, Math.ceil(1 + busy() / availableParallelism())))

/** So many milliseconds of an idle machine, here. */
export function within(ms: number): number {
  return ms * PACE
}

/** So many milliseconds of an idle machine, on the busiest: the end of a test, which is set before anybody knows how busy it will be. */
export function atMost(ms: number): number {
  return ms * MOST
}

/** For `vi.waitFor` and `expect.poll`: until it is so, or it never will be. */
export const WAIT = { timeout: within(20_000), interval: 10 }

/** Threads that run or would like to: the average of a minute, or those of this moment where there are more. */
function busy(): number {
  return Math.max(loadavg()[0] ?? 0, runningNow())
}

function runningNow(): number {
  try {
    return Number(/ (\d+)\/\d+ /.exec(readFileSync('/proc/loadavg', 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
