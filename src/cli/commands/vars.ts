import type { Command } from 'commander'
import { TransientError } from '../../core/errors.js'
import { type ExecutionId, parseExecutionId } from '../../core/ids.js'
import { stringifyJson } from '../../core/json.js'
import { VARIABLE_TYPES, type VariableType } from '../../core/status.js'
import {
  DeleteVariableDocument,
  DeleteVariablesDocument,
  GetVariableDocument,
  type VariableType as GraphQLVariableType,
  RevealVariableDocument,
  UpsertVariableDocument,
  VariableHistoryDocument,
  type VariableHistoryQuery,
} from '../../sdk/generated/graphql.js'
import { type CommandContext, createContext, snakeKeys } from '../context.js'
import { UsageError } from '../exit.js'
import { changeRow, variableRow } from '../rows.js'
import { changeLine } from '../run-view.js'
import { parseCount, parseList, parseValue, parseWord } from '../value.js'

const LIST_COLUMNS = ['name', 'value', 'type', 'source_step', 'version', 'updated_at']
const HISTORY_COLUMNS = ['revision', 'name', 'operation', 'value', 'previous_value', 'actor', 'changed_at']
const PAGE = 250

function idOf(text: string): ExecutionId {
  return parseExecutionId(text, 'EXECUTION')
}

interface SetOptions {
  readonly value: string
  readonly type: string
  readonly sourceStep?: string
  readonly expectedVersion?: string
  readonly sensitive?: boolean
}

interface GetOptions {
  readonly reveal?: boolean
}

interface DeleteOptions {
  readonly all?: boolean
  readonly expectedVersion?: string
}

interface WatchOptions {
  readonly after?: string
  readonly names?: string
  readonly types?: string
}

/** `vars list|get|set|delete|watch|history` */
export function addVarsCommands(program: Command): void {
  const vars = program.command('vars').description('read, write and watch the variables of an execution')
  vars
    .command('list <execution>')
    .description('all variables; counts no read')
    .action((id: string, _options, command: Command) => listVars(createContext(command), idOf(id)))
  vars
    .command('get <execution> <name>')
    .description('one variable, counted as a read; as a table its value alone')
    .option('--reveal', 'a sensitive value instead of its mask: needs the right "reveal", and the audit keeps it')
    .action((id: string, name: string, options: GetOptions, command: Command) =>
      getVar(createContext(command), { executionId: idOf(id), name, options }),
    )
  vars
    .command('set <execution> <name>')
    .description('write one variable')
    .requiredOption('--value <json>', 'JSON, @file, or @- for stdin')
    .option('--type <type>', VARIABLE_TYPES.join(', '), 'user_defined')
    .option('--source-step <step>', 'the step it comes from')
    .option('--sensitive', 'encrypt it, and show a mask instead, until it is deleted')
    .option('--expected-version <n>', 'write only if it is at this version; 0: only if it does not exist')
    .action((id: string, name: string, options: SetOptions, command: Command) =>
      setVar(createContext(command), { executionId: idOf(id), name, options }),
    )
  vars
    .command('delete <execution> [name]')
    .description('delete one variable, or with --all every one')
    .option('--all', 'delete all variables of the execution')
    .option('--expected-version <n>', 'delete only if it is at this version')
    .action((id: string, name: string | undefined, options: DeleteOptions, command: Command) =>
      deleteVars(createContext(command), { executionId: idOf(id), name, options }),
    )
  vars
    .command('watch <execution>')
    .description('every change as it happens; resumes by itself, until it is interrupted')
    .option('--after <revision>', 'begin after this revision; 0: from the first (default: from now)')
    .option('--names <names>', 'only these, by comma')
    .option('--types <types>', 'only these, by comma')
    .action((id: string, options: WatchOptions, command: Command) => watchVars(createContext(command), idOf(id), options))
  vars
    .command('history <execution>')
    .description('the change log')
    .option('--name <name>', 'of one variable')
    .action((id: string, options: { name?: string }, command: Command) =>
      showHistory(createContext(command), idOf(id), options.name ?? null),
    )
}

async function listVars({ client, say, printRows, format }: CommandContext, executionId: ExecutionId): Promise<void> {
  const { revision, variables } = await client.listVariables(executionId)
  printRows(variables.map(variableRow), LIST_COLUMNS)
  if (format === 'table') say(`${variables.length} variables at revision ${revision}`)
}

async function getVar(
  { client, format, print, printOne }: CommandContext,
  { executionId, name, options }: VarTarget<GetOptions>,
): Promise<void> {
  const target = { executionId, name }
  const variable = options.reveal
    ? (await client.request(RevealVariableDocument, target)).revealVariable
    : (await client.request(GetVariableDocument, target)).variable
  if (variable === null) throw new TransientError('NOT_FOUND', `execution ${executionId} has no variable "${name}"`)
  if (format === 'table') print(stringifyJson(variable.value ?? null))
  else printOne(variableRow(variable))
}

interface VarTarget<Options> {
  readonly executionId: ExecutionId
  readonly name: string
  readonly options: Options
}

async function setVar(context: CommandContext, { executionId, name, options }: VarTarget<SetOptions>): Promise<void> {
  const { expectedVersion } = options
  const type = parseWord(options.type, VARIABLE_TYPES, '--type').toUpperCase() as GraphQLVariableType
  const input = {
    executionId,
    name,
    value: parseValue(options.value, '--value'),
    type,
    sourceStep: options.sourceStep ?? null,
    ...(options.sensitive ? { sensitive: true } : {}),
    ...(expectedVersion === undefined ? {} : { expectedVersion: parseCount(expectedVersion, '--expected-version') }),
  }
  const { upsertVariable } = await context.client.request(UpsertVariableDocument, { input })
  const { variable, revision, changed } = upsertVariable
  if (context.format === 'table')
    context.say(changed ? `${name} set at revision ${revision}` : `${name} was already so: nothing was written`)
  else context.printOne({ ...variableRow(variable), changed })
}

async function deleteVars(
  context: CommandContext,
  { executionId, name, options }: Omit<VarTarget<DeleteOptions>, 'name'> & { readonly name: string | undefined },
): Promise<void> {
  if ((name === undefined) === (options.all !== true)) throw new UsageError('name one variable, or give --all')
  if (name === undefined) {
    const { deleteVariables } = await context.client.request(DeleteVariablesDocument, { executionId })
    if (context.format === 'table') context.say(`${deleteVariables.deletedCount} variables deleted`)
    else context.printOne(snakeKeys(deleteVariables))
    return
  }
  const expectedVersion = options.expectedVersion === undefined ? null : parseCount(options.expectedVersion, '--expected-version')
  const { deleteVariable } = await context.client.request(DeleteVariableDocument, {
    input: { executionId, name, expectedVersion },
  })
  if (context.format !== 'table') context.printOne({ name, ...snakeKeys(deleteVariable) })
  else context.say(deleteVariable.deleted ? `${name} deleted at revision ${deleteVariable.revision}` : `there was no ${name}`)
}

async function watchVars(context: CommandContext, executionId: ExecutionId, options: WatchOptions): Promise<void> {
  const types = options.types === undefined ? undefined : parseList(options.types)
  const messages = context.client.watch(executionId, {
    afterRevision: options.after === undefined ? undefined : parseCount(options.after, '--after'),
    names: options.names === undefined ? undefined : parseList(options.names),
    types: types?.map((type): VariableType => parseWord(type, VARIABLE_TYPES, '--types')),
    onDisconnect: (_reason, delayMs) => context.say(`the connection was lost; trying again in ${(delayMs / 1000).toFixed(1)} s`),
  })
  for await (const { kind, revision, changes } of messages) {
    if (kind === 'subscribed') context.say(`watching from revision ${revision}`)
    for (const change of changes) {
      const line = `${String(revision).padStart(6)}  ${changeLine(change)}  by ${change.actor}`
      context.print(context.format === 'table' ? line : stringifyJson(changeRow(change, revision)))
    }
  }
}

async function showHistory({ client, printRows }: CommandContext, executionId: ExecutionId, name: string | null): Promise<void> {
  let after: string | null = null
  const changes: VariableHistoryQuery['variableHistory']['nodes'][number][] = []
  for (;;) {
    const response: VariableHistoryQuery = await client.request(VariableHistoryDocument, {
      executionId,
      name,
      first: PAGE,
      after,
    })
    changes.push(...response.variableHistory.nodes)
    after = response.variableHistory.pageInfo.endCursor
    if (!response.variableHistory.pageInfo.hasNextPage) break
  }
  const rows = changes.map((change) => ({
    ...snakeKeys(change),
    operation: change.operation.toLowerCase(),
    type: change.type.toLowerCase(),
  }))
  printRows(rows, HISTORY_COLUMNS)
}
