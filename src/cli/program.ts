import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addAccessCommands } from './commands/access.js'
import { addDemoCommand } from './commands/demo.js'
import { addExecutionCommands } from './commands/execution.js'
import { addPlaybookCommands } from './commands/playbook.js'
import { addScheduleCommands } from './commands/schedule.js'
import { addServeCommand } from './commands/serve.js'
import { addTemplateCommands } from './commands/template.js'
import { addTriggerCommands } from './commands/trigger.js'
import { addGlobalsCommands, addVarsCommands } from './commands/vars.js'
import { addWebhookCommands } from './commands/webhook.js'
import { addWorkerCommand } from './commands/worker.js'

const EXIT_CODES = `
Exit codes:
  0  done; an execution completed     4  conflict, or the execution has ended
  1  any other error                  5  the execution failed or was cancelled
  2  wrong usage                      6  no server answers
  3  not found                        7  iterations failed (--fail-on-iteration-errors)`

/** The whole command line: `transient <noun> <verb>`. */
export function createProgram(): Command {
  const program = new Command('transient')
    .description('Runs YAML playbooks and keeps every execution’s variables: durable, typed, revisioned and live.')
    .option('--url <url>', 'the server (TRANSIENT_URL, by default http://127.0.0.1:4000)')
    .option('--key <key>', 'the key to show it (TRANSIENT_KEY)')
    .option('-o, --output <format>', 'table, json or jsonl', 'table')
    .version(readVersion(), '-V, --version', 'what is installed here')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
  addServeCommand(program)
  addWorkerCommand(program)
  addPlaybookCommands(program)
  addExecutionCommands(program)
  addVarsCommands(program)
  addGlobalsCommands(program)
  addTemplateCommands(program)
  addAccessCommands(program)
  addWebhookCommands(program)
  addScheduleCommands(program)
  addTriggerCommands(program)
  addDemoCommand(program)
  return program
}

/** package.json lies two folders above src/cli and dist/cli alike. */
function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  return version
}
