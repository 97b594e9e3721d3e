import type { Command } from 'commander'
import { loadConfig, SETTINGS } from '../../config.js'

function settingsHelp(): string {
  const width = Math.max(...SETTINGS.map(({ name }) => name.length))
  const lines = SETTINGS.map(({ name, fallback, description }) => {
    const shown = fallback === '' ? '' : ` (${fallback})`
    return `  ${name.padEnd(width)}  ${description}${shown}`
  })
  return `\nSettings, read from the environment:\n${lines.join('\n')}`
}

/** `serve`: the whole service in this process. */
export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('run the server: console, GraphQL, REST and workers')
    .addHelpText('after', settingsHelp())
    .action(async () => {
      const config = loadConfig()
      // Loaded only here: no other command needs the server's code.
      const { serve } = await import('../../server/serve.js')
      await serve(config)
    })
}
