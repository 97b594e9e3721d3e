import type { Logger } from 'pino'

/** Closes what was opened, the last first; a part that fails does not keep the others open. */
export function createClosing(logger: Pick<Logger, 'error'>) {
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
    add(name: string, close: () => Promise<void>): void {
      parts.push({ name, close })
    },
    /** Idempotent. */
    run(): Promise<void> {
      running ??= closeAll()
      return running
    },
  }
}
