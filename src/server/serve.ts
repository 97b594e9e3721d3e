import type { Config } from '../config.js'
import { createLogger } from './logger.js'
import { startServer } from './main.js'

/** A drain that takes longer is given up: whoever sent the signal will kill the process anyhow. */
const DRAIN_LIMIT_MS = 9_500

/** Runs the service until SIGTERM or SIGINT, drains, and ends the process with 0. */
export async function serve(config: Config): Promise<void> {
  const logger = createLogger(config.logLevel)
  const server = await startServer(config, { logger })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info(`${signal}: draining`)
      setTimeout(() => process.exit(1), DRAIN_LIMIT_MS).unref()
      void server.close().then(() => process.exit(0))
    })
  }
}
