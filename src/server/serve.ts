import type { Config } from '../config.js'
import { createLogger } from './logger.js'
import { type RunningServer, startServer } from './main.js'

/** A drain that takes longer is given up: whoever sent the signal will kill the process anyhow. */
const DRAIN_LIMIT_MS = 9_500

/** Runs the service until SIGTERM or SIGINT, drains, and ends the process with 0; with 1 when it must not go on. */
export async function serve(config: Config): Promise<void> {
  const logger = createLogger(config.logLevel)
  const end = (server: RunningServer, code: number): void => {
    setTimeout(() => process.exit(1), DRAIN_LIMIT_MS).unref()
    void server.close().then(() => process.exit(code))
  }
  const onFatal = (error: Error): void => {
    logger.fatal(error.message)
    void starting.then((server) => end(server, 1))
  }
  const starting = startServer(config, { logger, onFatal })
  const server = await starting
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info(`${signal}: draining`)
      end(server, 0)
    })
  }
}
