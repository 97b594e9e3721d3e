import type { Command } from 'commander'
import { loadConfig, SETTINGS } from '../../config.js'
import { settingsHelp } from '../settings-help.js'

/** `serve`: the whole service in this process. */
export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('run the server: console, GraphQL, REST and workers')
    .addHelpText('after', settingsHelp(SETTINGS))
    .action(async () => {
      const config = loadConfig()
      // Loaded only here: no other command needs the server's code.
      const { serve } = await import('../../server/serve.js')
      await serve(config)
    })
}
