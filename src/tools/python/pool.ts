import type { CallEnd, ForkServer } from './fork-server.js'

/** `series`: what a call has in common with those that may follow one another in its process; null for one that has a process to itself. */
export interface PooledCall {
  readonly series: string | null
  readonly payload: string
  readonly signal: AbortSignal
}

export interface ProcessPool {
  /** Null where the call was aborted before it began. */
  run(call: PooledCall): Promise<CallEnd | null>
}

/** Calls that compute need no more processes than there are processors ... */
const AT_ONCE = 2
/** ... but those that wait for something do: where calls of a series wait, it is looked so often whether there are enough. */
const LOOK_MS = 20
/** So many calls that ended between two looks are more than further processes could add, which take some 10 ms to start. */
const ENOUGH = 8
/** Nobody says when a step has ended: a process without a call ends after so long. */
const IDLE_MS = 500
/** Of all series; beyond it the one that has been idle for longest ends. */
const MAX_IDLE = 32

interface Process {
  /** The id of its first call. */
  readonly name: string
  readonly series: Series
  isNew: boolean
  timer: NodeJS.Timeout | undefined
}

interface Series {
  readonly key: string
  readonly idle: Process[]
  /** Calls that take the next process that is free; or, with null, may start one. */
  readonly waiting: Set<(free: Process | null) => void>
  /** How many processes it has; how many of them are not ready yet. */
  size: number
  starting: number
  /** How many calls have ended since the latest look; null where a process has started since. */
  ended: number | null
  look: NodeJS.Timeout | undefined
}

/**
 * Runs calls in processes of a fork server. Those of one series share few, each of which is kept only where the fork server says that the
 * call before left it as it was; one that is aborted is killed, and no process ever goes from one series to another.
 */
export function createProcessPool(server: ForkServer): ProcessPool {
  const all = new Map<string, Series>()
  /** By name, the longest idle first. */
  const idle = new Map<string, Process>()
  const starting = new Map<string, Process>()
  let nextId = 0

  function seriesOf(key: string): Series {
    const series = all.get(key) ?? { key, idle: [], waiting: new Set(), size: 0, starting: 0, ended: 0, look: undefined }
    all.set(key, series)
    return series
  }

  function turn(series: Series, signal: AbortSignal): Promise<Process | null> {
    return new Promise((resolve) => {
      const take = (free: Process | null) => {
        signal.removeEventListener('abort', leave)
        series.waiting.delete(take)
        resolve(free)
      }
      const leave = () => take(null)
      signal.addEventListener('abort', leave, { once: true })
      series.waiting.add(take)
      watch(series)
    })
  }

  /** Doubles the processes of a series, as long as calls wait and take long; what starting takes is not theirs. */
  function watch(series: Series): void {
    if (series.look !== undefined) return
    series.ended = 0
    series.look = setTimeout(() => {
      series.look = undefined
      const { waiting, starting, ended, size } = series
      if (starting === 0 && ended !== null && ended < ENOUGH) for (const take of [...waiting].slice(0, size)) take(null)
      if (waiting.size > 0) watch(series)
    }, LOOK_MS)
  }

  function release(process: Process): void {
    const { series, name } = process
    const [next] = series.waiting
    if (next !== undefined) return next(process)
    series.idle.push(process)
    idle.set(name, process)
    process.timer = setTimeout(end, IDLE_MS, process).unref()
    const [oldest] = idle.values()
    if (idle.size > MAX_IDLE && oldest !== undefined) end(oldest)
  }

  function takeIdle(series: Series): Process | null {
    const process = series.idle.pop() ?? null
    if (process !== null) {
      clearTimeout(process.timer)
      idle.delete(process.name)
    }
    return process
  }

  function end(process: Process): void {
    server.kill(process.name)
    forget(process)
  }

  function forget({ name, series, timer }: Process): void {
    if (idle.delete(name)) {
      clearTimeout(timer)
      series.idle.splice(
        series.idle.findIndex((each) => each.name === name),
        1,
      )
    }
    series.size -= 1
    const [next] = series.waiting
    if (next !== undefined) next(null)
    tidy(series)
  }

  function tidy({ key, size, waiting }: Series): void {
    if (size === 0 && waiting.size === 0) all.delete(key)
  }

  /** Ends the process when the call is aborted. Answers whether that was so, too. */
  async function killing(name: string, signal: AbortSignal, run: () => Promise<CallEnd>): Promise<CallEnd> {
    const kill = () => server.kill(name)
    signal.addEventListener('abort', kill, { once: true })
    const ended = await run()
    signal.removeEventListener('abort', kill)
    return signal.aborted ? { ...ended, isKept: false } : ended
  }

  async function perform(process: Process, { payload, signal }: PooledCall): Promise<CallEnd> {
    const { name, isNew } = process
    process.isNew = false
    const ended = await killing(name, signal, () =>
      isNew ? server.open(name, payload) : server.next(name, String(nextId++), payload),
    )
    if (process.series.ended !== null) process.series.ended += 1
    settle(process)
    if (!ended.isKept) forget(process)
    else release(process)
    return ended
  }

  function start(series: Series): Process {
    series.size += 1
    series.starting += 1
    const process = { name: String(nextId++), series, isNew: true, timer: undefined }
    starting.set(process.name, process)
    return process
  }

  function settle({ name, series }: Process): void {
    if (!starting.delete(name)) return
    series.starting -= 1
    series.ended = null
  }

  server.listen({
    ready(name) {
      const process = starting.get(name)
      if (process !== undefined) settle(process)
    },
    gone(name) {
      const process = idle.get(name)
      if (process !== undefined) forget(process)
    },
  })

  return {
    async run(call) {
      const { series: key, payload, signal } = call
      if (signal.aborted) return null
      if (key === null) {
        const name = String(nextId++)
        return killing(name, signal, () => server.run(name, payload))
      }
      for (;;) {
        const series = seriesOf(key)
        const free = takeIdle(series) ?? (series.size < AT_ONCE ? null : await turn(series, signal))
        if (signal.aborted) {
          if (free === null) tidy(series)
          else release(free)
          return null
        }
        const ended = await perform(free ?? start(series), call)
        // It had ended before the call reached it.
        if (ended.exit !== 'gone') return ended
      }
    },
  }
}
