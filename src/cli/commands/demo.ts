import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { createContext } from '../context.js'
import { startDemoApi } from '../demo/api.js'
import { parseCount, readInput } from '../value.js'
import { runSource } from './execution.js'

const EXAMPLE = fileURLToPath(new URL('../../../examples/batch_processor.yaml', import.meta.url))
const BATCH_SIZE = 10

/** `demo`: the batch example against a small API of its own, beside a running server. */
export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('run examples/batch_processor.yaml on the running server, against a small HTTP API started for it')
    .option('--api-port <port>', 'port of that API; with a key, the server needs it in ALLOW_HOSTS', '0')
    .action(async (options: { apiPort: string }, command: Command) => {
      const context = createContext(command)
      const api = await startDemoApi(parseCount(options.apiPort, '--api-port'))
      try {
        context.say(`a small API for the demo listens on ${api.url} until this command ends`)
        const workload = JSON.stringify({ api_url: api.url, batch_size: BATCH_SIZE })
        await runSource(context, readInput(EXAMPLE), { workload })
        context.say(`the playbook reported: ${api.stats.join(' ')}`)
        context.say(`see it in the console: ${context.url}`)
      } finally {
        await api.close()
      }
    })
}
