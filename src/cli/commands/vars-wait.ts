import type { Command } from 'commander'
import { parseExecutionId } from '../../core/ids.js'
import { stringifyJson } from '../../core/json.js'
import { type CommandContext, createContext } from '../context.js'
import { EXIT, ExitError } from '../exit.js'
import { parseCount, parseDuration } from '../value.js'

interface WaitOptions {
  readonly until: string
  readonly timeout?: string
  readonly after?: string
}

/** `vars wait`: until a condition over an execution's variables holds. */
export function addWaitCommand(vars: Command): void {
  vars
    .command('wait <execution>')
    .description('until a condition holds; exits with 7 when it did not in time')
    .requiredOption('--until <condition>', 'such as "vars.progress >= 1"')
    .option('--timeout <duration>', 'such as 30, 90s, 10m or 2h (default: for ever)')
    .option('--after <revision>', 'revisions from this one on count (default: from now)')
    .action((id: string, options: WaitOptions, command: Command) => wait(createContext(command), id, options))
}

async function wait({ client, format, say, printOne }: CommandContext, id: string, options: WaitOptions): Promise<void> {
  const { until, timeout, after } = options
  const matched = await client.waitFor(parseExecutionId(id, 'EXECUTION'), until, {
    timeoutMs: timeout === undefined ? undefined : parseDuration(timeout, '--timeout'),
    afterRevision: after === undefined ? undefined : parseCount(after, '--after'),
  })
  if (matched === null) throw new ExitError(EXIT.timedOut, `the condition did not hold within ${timeout}`)
  if (format === 'table') say(`it holds at revision ${matched.revision}: ${stringifyJson(matched.variables)}`)
  else printOne({ revision: matched.revision, variables: matched.variables })
}
