import type { Command } from 'commander'
import { isLoopback, loadToolConfig, WORKER_SETTINGS } from '../../config.js'
import { errorMessage } from '../../core/errors.js'
import type { WorkerEvent } from '../../sdk/worker-options.js'
import type { Toolbox } from '../../tools/index.js'
import { withAliveFile } from '../alive.js'
import { type CommandContext, createContext } from '../context.js'
import { UsageError } from '../exit.js'
import { settingsHelp } from '../settings-help.js'
import { parseCount } from '../value.js'

const MAX_CONCURRENCY = 1000
/** As in a playbook. */
const POOL = /^[A-Za-z0-9_-]{1,100}$/

const EXAMPLE = `
Example:
  TRANSIENT_KEY=... transient worker --url http://10.0.0.1:4000 --pool gpu --concurrency 2
runs the steps that say \`pool: gpu\`, two at a time. Steps without a pool have the pool "default".`

interface WorkerCommandOptions {
  readonly pool: string
  readonly concurrency: string
  readonly id?: string
  readonly aliveFile?: string
}

/** `worker`: the tools of the server in a process of their own, over the API. */
export function addWorkerCommand(program: Command): void {
  program
    .command('worker')
    .description('run the tools of steps for a server, here; SIGTERM finishes or gives back what runs')
    .option('--pool <pool>', 'the steps whose `pool` this is', 'default')
    .option('--concurrency <count>', 'tasks run at once', '8')
    .option('--id <id>', 'what the server calls this worker; made up where absent')
    .option('--alive-file <path>', 'a file that is touched whenever the server answers, for health checks')
    .addHelpText('after', `${EXAMPLE}\n${settingsHelp(WORKER_SETTINGS)}`)
    .action((options: WorkerCommandOptions, command: Command) => runWorker(createContext(command), options))
}

async function runWorker(context: CommandContext, options: WorkerCommandOptions): Promise<void> {
  const { pool, concurrency, id, aliveFile } = options
  if (!POOL.test(pool)) throw new UsageError(`--pool: "${pool}" may hold letters, digits, _ and - only, 1 to 100 of them`)
  const slots = parseCount(concurrency, '--concurrency')
  if (slots < 1 || slots > MAX_CONCURRENCY) throw new UsageError(`--concurrency: not from 1 to ${MAX_CONCURRENCY}`)
  // Loaded only here: no other command needs the tools.
  const { createWorker } = await import('../../sdk/worker.js')
  const toolbox = await openToolbox(context)
  const stopping = createStopping()
  try {
    const worker = createWorker({
      client: aliveFile === undefined ? context.client : { tasks: withAliveFile(context.client.tasks, aliveFile) },
      pool,
      concurrency: slots,
      ...(id === undefined ? {} : { workerId: id }),
      signal: stopping.signal,
      run: (task, call) => toolbox.run(task.kind, task.input, call),
      onEvent: createReporter(context),
    })
    const isolation = await toolbox.isolation()
    if (isolation !== 'isolated') context.say(`python steps: ${isolation}`)
    context.say(`worker ${worker.id} claims tasks of pool "${pool}" at ${context.url}, up to ${slots} at once`)
    await worker.done
    context.say('drained')
  } finally {
    stopping.close()
    await toolbox.close()
  }
}

async function openToolbox({ url, hasKey }: CommandContext): Promise<Toolbox> {
  const { createToolbox } = await import('../../tools/index.js')
  const { connections, credentials, python, pythonSandbox, hasPythonNetwork, pythonMemoryMib, allowHosts } = loadToolConfig()
  const server = URL.canParse(url) ? new URL(url) : null
  if (server === null || !/^https?:$/.test(server.protocol)) {
    throw new UsageError(`--url: "${url}" is not a URL of a server, such as http://127.0.0.1:4000`)
  }
  const isLocal = isLoopback(server.hostname)
  return createToolbox({
    connections,
    credentials,
    pythonPath: python,
    pythonSandbox,
    hasPythonNetwork,
    pythonMemoryMib,
    allowHosts,
    isLoopbackOpen: isLocal && !hasKey,
    ownPort: isLocal ? Number(server.port || (server.protocol === 'https:' ? 443 : 80)) : null,
  })
}

/** The first SIGTERM or SIGINT drains; another ends the process at once, as if there were no handler. */
function createStopping(): { readonly signal: AbortSignal; close(): void } {
  const controller = new AbortController()
  const stop = () => {
    close()
    controller.abort()
  }
  const close = () => {
    process.off('SIGTERM', stop)
    process.off('SIGINT', stop)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  return { signal: controller.signal, close }
}

/** Says what an operator should know: lost tasks, and once that the server does not answer. */
function createReporter({ say }: CommandContext): (event: WorkerEvent) => void {
  let isWaiting = false
  return (event) => {
    if (event.type === 'waiting') {
      if (!isWaiting) say(`waiting for the server: ${errorMessage(event.error)}`)
      isWaiting = true
      return
    }
    isWaiting = false
    if (event.type === 'lost') say(`task ${event.task.id}: no longer held here, its result is dropped`)
    if (event.type === 'released') say(`task ${event.task.id}: given back`)
  }
}
