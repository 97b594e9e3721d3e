import { type Command, Option } from 'commander'
import { TransientError } from '../../core/errors.js'
import { type ExecutionId, parseExecutionId } from '../../core/ids.js'
import type { JsonObject, JsonValue } from '../../core/json.js'
import { EXECUTION_STATUSES } from '../../core/status.js'
import {
  CancelExecutionDocument,
  type ExecutionFieldsFragment,
  type ExecutionStatus,
  GetExecutionDocument,
  ListExecutionsDocument,
  PauseExecutionDocument,
  RerunExecutionDocument,
  ResumeExecutionDocument,
} from '../../sdk/generated/graphql.js'
import { type CommandContext, createContext } from '../context.js'
import { EXIT, ExitError } from '../exit.js'
import { followExecution } from '../follow.js'
import { interruptible } from '../interrupt.js'
import { executionCells, executionRow, iterationText, type ShownExecution } from '../rows.js'
import { createRunView } from '../run-view.js'
import { parseCount, parseList, parseObject, parseWord, readInput } from '../value.js'

const WAITING_COLUMNS = ['execution_id', 'run', 'step', 'path', 'since', 'deadline', 'title']
const LIST_COLUMNS = ['id', 'status', 'iterations', 'path', 'version', 'revision', 'created_at', 'finished_at']

function idOf(text: string): ExecutionId {
  return parseExecutionId(text, 'EXECUTION')
}

interface StartOptions {
  readonly playbookVersion?: string
  readonly workload?: string
  readonly idempotencyKey?: string
}

interface ListOptions {
  readonly status?: string
  readonly path?: string
  readonly first: string
}

interface RerunOptions {
  readonly fromStep?: string
  readonly variables?: string
}

interface FollowOptions {
  readonly failOnIterationErrors?: boolean
}

interface WaitingOptions {
  readonly execution?: string
  readonly path?: string
  readonly asking?: boolean
}

interface RunOptions extends FollowOptions {
  readonly workload?: string
}

interface WatchOptions extends FollowOptions {
  readonly after: string
}

const failOnIterationErrorsOption = (): Option =>
  new Option('--fail-on-iteration-errors', 'end with 7 when it completed, and iterations of its loops failed')
const workloadOption = (): Option => new Option('--workload <json>', 'the input: a JSON object, @file, or @- for stdin')

/** `execution start|run|list|show|cancel|pause|resume|watch|rerun|waiting|answer` */
export function addExecutionCommands(program: Command): void {
  const execution = program.command('execution').description('run playbooks and look after their executions')
  execution
    .command('start <path>')
    .description('start a registered playbook, and do not wait for it')
    .option('--playbook-version <n>', 'by default the latest')
    .addOption(workloadOption())
    .option('--idempotency-key <key>', 'the same key and workload give the same execution')
    .action((path: string, options: StartOptions, command: Command) => start(createContext(command), path, options))
  execution
    .command('run <file>')
    .description('register a playbook, start it, show each step and each variable change; exits 0 only when it completed')
    .addOption(workloadOption())
    .addOption(failOnIterationErrorsOption())
    .action((file: string, options: RunOptions, command: Command) => runSource(createContext(command), readInput(file), options))
  execution
    .command('list')
    .description('newest first')
    .option('--status <status>', `${EXECUTION_STATUSES.join(', ')}; several by comma`)
    .option('--path <path>', 'of one playbook')
    .option('--first <n>', 'how many, at most 250', '50')
    .action((options: ListOptions, command: Command) => list(createContext(command), options))
  execution
    .command('show <execution>')
    .description('its state')
    .action((id: string, _options, command: Command) => show(createContext(command), idOf(id)))
  execution
    .command('cancel <execution>')
    .description('stop it and all its children')
    .option('--reason <text>', 'kept with it')
    .action((id: string, options: { reason?: string }, command: Command) =>
      cancel(createContext(command), idOf(id), options.reason ?? null),
    )
  execution
    .command('pause <execution>')
    .description('begin nothing new of it; what runs may end')
    .option('--reason <text>', 'kept with it')
    .action(async (id: string, { reason = null }: { reason?: string | null }, command: Command) => {
      const context = createContext(command)
      showStatus(context, (await context.client.request(PauseExecutionDocument, { id: idOf(id), reason })).pauseExecution)
    })
  execution
    .command('resume <execution>')
    .description('go on with a paused one')
    .action(async (id: string, _options, command: Command) => {
      const context = createContext(command)
      showStatus(context, (await context.client.request(ResumeExecutionDocument, { id: idOf(id) })).resumeExecution)
    })
  execution
    .command('watch <execution>')
    .description('show a started execution like run does, until it has ended')
    .option('--after <revision>', 'show variable changes after this revision only', '0')
    .addOption(failOnIterationErrorsOption())
    .action((id: string, options: WatchOptions, command: Command) => watch(createContext(command), idOf(id), options))
  execution
    .command('rerun <execution>')
    .description('a new execution of the same playbook version and workload')
    .option('--from-step <step>', 'begin there, with the variables and results of before its last visit')
    .option('--variables <json>', 'variables to change beforehand: a JSON object, @file, or @-')
    .action((id: string, options: RerunOptions, command: Command) => rerun(createContext(command), idOf(id), options))
  execution
    .command('waiting')
    .description('steps that wait now, the oldest executions first')
    .option('--execution <id>', 'of one execution')
    .option('--path <path>', 'of one playbook')
    .option('--asking', 'only those that ask people')
    .action((options: WaitingOptions, command: Command) => waiting(createContext(command), options))
  execution
    .command('answer <execution> <run>')
    .description('answer what a step asks; RUN as "execution waiting" shows it')
    .requiredOption('--values <json>', 'the answer: a JSON object, @file, or @- for stdin')
    .action((id: string, run: string, options: { values: string }, command: Command) =>
      answer(createContext(command), idOf(id), { run, ...options }),
    )
}

async function waiting({ client, printRows, format }: CommandContext, options: WaitingOptions): Promise<void> {
  const found = await client.waitingSteps({
    ...(options.execution === undefined ? {} : { executionId: idOf(options.execution) }),
    ...(options.path === undefined ? {} : { path: { eq: options.path } }),
    ...(options.asking ? { isAsking: true } : {}),
  })
  const rows = found.map(({ executionId, path, step, run, since, wait }) => {
    const row = {
      execution_id: executionId,
      run,
      step,
      path,
      since,
      deadline: wait.deadline,
      until: wait.until,
      title: wait.title,
    }
    return format === 'table' ? row : { ...row, roles: wait.roles && [...wait.roles], form: (wait.form ?? null) as JsonValue }
  })
  printRows(rows, WAITING_COLUMNS)
}

async function answer({ client, say }: CommandContext, id: ExecutionId, given: { run: string; values: string }): Promise<void> {
  const { step, status } = await client.answerStep(id, parseCount(given.run, 'RUN'), parseObject(given.values, '--values'))
  say(`answered: step "${step}" ${status.toLowerCase()}`)
}

async function start({ client, printOne, print, format }: CommandContext, path: string, options: StartOptions): Promise<void> {
  const execution = await client.startExecution({
    path,
    ...(options.playbookVersion === undefined ? {} : { version: parseCount(options.playbookVersion, '--playbook-version') }),
    ...(options.workload === undefined ? {} : { workload: parseObject(options.workload, '--workload') }),
    ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
  })
  if (format === 'table') print(execution.id)
  else printOne(executionRow(execution))
}

/** Registers a source, starts it and shows it to its end. Ends the command with 5 when it did not complete. */
export async function runSource(context: CommandContext, source: string, options: RunOptions): Promise<void> {
  const { workload } = options
  const input = workload === undefined ? {} : { workload: parseObject(workload, '--workload') }
  const { path, version } = await context.client.registerPlaybook(source)
  await follow(context, await context.client.startExecution({ path, version, ...input }), options)
}

async function follow(
  context: CommandContext,
  execution: ExecutionFieldsFragment,
  { afterRevision = 0, failOnIterationErrors = false }: FollowOptions & { readonly afterRevision?: number },
): Promise<void> {
  const { client, program, say } = context
  const { id } = execution
  const view = createRunView(context)
  const farewell = (): void =>
    say(`execution ${id} goes on without this command:
  ${program} execution watch ${id}    to see it again
  ${program} execution cancel ${id}   to end it`)
  let last: ShownExecution
  try {
    last = await interruptible(followExecution({ client, execution, view, afterRevision }), view, farewell)
  } catch (error) {
    view.pause()
    farewell()
    throw error
  }
  if (last.status !== 'COMPLETED') throw new ExitError(EXIT.failedExecution)
  const { iterationCounts: counts } = last
  if (failOnIterationErrors && counts && counts.failed > 0)
    throw new ExitError(EXIT.failedIterations, `iterations: ${iterationText(counts)}`)
}

async function list(context: CommandContext, options: ListOptions): Promise<void> {
  const { client, printRows } = context
  const status = options.status === undefined ? undefined : parseList(options.status)
  const { executions } = await client.request(ListExecutionsDocument, {
    first: parseCount(options.first, '--first'),
    filter: {
      ...(status === undefined
        ? {}
        : { status: status.map((word) => parseWord(word, EXECUTION_STATUSES, '--status').toUpperCase() as ExecutionStatus) }),
      ...(options.path === undefined ? {} : { path: { eq: options.path } }),
    },
  })
  printRows(executions.nodes.map(rowFor(context)), LIST_COLUMNS)
}

async function getExecution({ client }: CommandContext, id: ExecutionId): Promise<ShownExecution> {
  const { execution } = await client.request(GetExecutionDocument, { id })
  if (execution === null) throw new TransientError('NOT_FOUND', `execution ${id} does not exist`)
  return execution
}

async function show(context: CommandContext, id: ExecutionId): Promise<void> {
  context.printOne(rowFor(context)(await getExecution(context, id)))
}

function rowFor({ format }: CommandContext): (execution: ShownExecution) => JsonObject {
  return format === 'table' ? executionCells : executionRow
}

async function cancel(context: CommandContext, id: ExecutionId, reason: string | null): Promise<void> {
  showStatus(context, (await context.client.request(CancelExecutionDocument, { id, reason })).cancelExecution)
}

function showStatus({ printOne, say, format }: CommandContext, execution: ExecutionFieldsFragment): void {
  if (format === 'table') say(`execution ${execution.id} ${execution.status.toLowerCase()}`)
  else printOne(executionRow(execution))
}

async function watch(context: CommandContext, id: ExecutionId, options: WatchOptions): Promise<void> {
  const afterRevision = parseCount(options.after, '--after')
  await follow(context, await getExecution(context, id), { ...options, afterRevision })
}

async function rerun({ client, printOne, print, format }: CommandContext, id: ExecutionId, options: RerunOptions): Promise<void> {
  const variables = options.variables === undefined ? [] : Object.entries(parseObject(options.variables, '--variables'))
  const { rerunExecution } = await client.request(RerunExecutionDocument, {
    id,
    fromStep: options.fromStep ?? null,
    variables: variables.map(([name, value]) => ({ name, value })),
  })
  if (format === 'table') print(rerunExecution.id)
  else printOne(executionRow(rerunExecution))
}
