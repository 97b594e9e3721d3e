import type { Logger } from 'pino'

/** Closes what was opened, the last first; a part that fails does not keep the others open. */
export interface Closing {
  add(name: string, close: () => Promise<void>): void
  /** Idempotent. */
  run(): Promise<void>
}

/** Nothing is closed before `run`. */
export function createClosing(logger: Pick<Logger, 'error'>): Closing {
  const parts: { readonly name: string; readonly close: () => Promise<void> }[] = []
  let running: Promise<void> | null = null

  async function closeAll(): Promise<void> {
    for (const { name, close } of parts.reverse()) {
      try {
        await close()
      } catch (error) {
        logger.error({ err: error }, `${name}: not closed cleanly`)
      }
    }
  }

  return {
    add(name, close) {
      parts.push({ name, close })
    },
    run() {
      running ??= closeAll()
      return running
    },
  }
}
