/** What moves on a terminal, and has to rest before somebody else writes there. */
export interface Pausable {
  pause(): void
  resume(): void
}

const ENDING = ['SIGINT', 'SIGTERM'] as const

/**
 * Does some work that goes on elsewhere when this process ends (Ctrl-C, SIGTERM) or is stopped (Ctrl-Z): `farewell` says so, and then the signal
 * does what it would have done. After Ctrl-Z and `fg`, what moved moves again.
 */
export async function interruptible<T>(work: Promise<T>, view: Pausable, farewell: () => void): Promise<T> {
  const yieldTo = (signal: NodeJS.Signals): void => {
    view.pause()
    farewell()
    process.off(signal, yieldTo)
    process.kill(process.pid, signal)
  }
  const resume = (): void => {
    if (!process.listeners('SIGTSTP').includes(yieldTo)) process.on('SIGTSTP', yieldTo)
    view.resume()
  }
  const hasJobs = process.platform !== 'win32'
  for (const signal of ENDING) process.on(signal, yieldTo)
  if (hasJobs) process.on('SIGTSTP', yieldTo).on('SIGCONT', resume)
  try {
    return await work
  } finally {
    for (const signal of [...ENDING, 'SIGTSTP'] as const) process.off(signal, yieldTo)
    process.off('SIGCONT', resume)
  }
}
