import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** Processor time that all processes of a name have used, with those of them that have ended, in seconds. */
export function cpuSecondsOf(name: string): number {
  let ticks = 0
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const stat = read(`/proc/${pid}/stat`)
    if (!stat.includes(`(${name})`)) continue
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // utime, stime, and those of children that were waited for
    for (const index of [11, 12, 13, 14]) ticks += Number(fields[index])
  }
  return ticks / TICKS_PER_SECOND
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
