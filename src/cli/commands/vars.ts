import type { Command } from 'commander'
import { TransientError } from '../../core/errors.js'
import { parseExecutionId } from '../../core/ids.js'
import { isJsonNumber, stringifyJson } from '../../core/json.js'
import { checkSpaceName } from '../../core/space.js'
import { VARIABLE_TYPES, type VariableType } from '../../core/status.js'
import {
  DeleteVariableDocument,
  DeleteVariablesDocument,
  GetVariableDocument,
  type VariableType as GraphQLVariableType,
  IncrementVariableDocument,
  ListSpacesDocument,
  type ListSpacesQuery,
  RevealVariableDocument,
  UpsertVariableDocument,
  VariableHistoryDocument,
  type VariableHistoryQuery,
} from '../../sdk/generated/graphql.js'
import type { VariablesOf } from '../../sdk/watch.js'
import { type CommandContext, createContext, snakeKeys } from '../context.js'
import { UsageError } from '../exit.js'
import { changeRow, variableRow } from '../rows.js'
import { changeLine } from '../run-view.js'
import { parseCount, parseList, parseValue, parseWord } from '../value.js'
import { addWaitCommand } from './vars-wait.js'

const LIST_COLUMNS = ['name', 'value', 'type', 'source_step', 'version', 'updated_at']
const HISTORY_COLUMNS = ['revision', 'name', 'operation', 'value', 'previous_value', 'actor', 'changed_at']
const SPACE_COLUMNS = ['name', 'variable_count', 'revision', 'created_at']
const PAGE = 250

/** Whose variables a command is about, as inputs of the API say it. */
type Owner = { readonly executionId: string } | { readonly space: string }

interface Noun {
  readonly name: string
  readonly description: string
  readonly argument: string
  ownerOf(text: string): Owner
}

const VARS: Noun = {
  name: 'vars',
  description: 'read, write and watch the variables of an execution',
  argument: 'execution',
  ownerOf: (text) => ({ executionId: parseExecutionId(text, 'EXECUTION') }),
}

const GLOBALS: Noun = {
  name: 'globals',
  description: 'read, write and watch global variables, which belong to a space such as billing/prod, and to no execution',
  argument: 'space',
  ownerOf: (text) => ({ space: checkSpaceName(text, 'SPACE') }),
}

function streamFor(owner: Owner): VariablesOf {
  return 'space' in owner ? owner : owner.executionId
}

function titleOf(owner: Owner): string {
  return 'space' in owner ? `space "${owner.space}"` : `execution ${owner.executionId}`
}

interface SetOptions {
  readonly value: string
  readonly type: string
  readonly sourceStep?: string
  readonly expectedVersion?: string
  readonly sensitive?: boolean
  readonly ttl?: string
}

interface IncrementOptions {
  readonly by: string
  readonly sourceStep?: string
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

/** `vars list|get|set|increment|delete|watch|wait|history` */
export function addVarsCommands(program: Command): void {
  const vars = addCommands(program, VARS)
  addWaitCommand(vars)
  vars
    .command('list <execution>')
    .description('all variables; counts no read')
    .action((id: string, _options, command: Command) => listVars(createContext(command), VARS.ownerOf(id)))
}

/** `globals list|get|set|increment|delete|watch|history` */
export function addGlobalsCommands(program: Command): void {
  addCommands(program, GLOBALS)
    .command('list [space]')
    .description('all variables of a space; without one all spaces')
    .action((space: string | undefined, _options, command: Command) => {
      const context = createContext(command)
      return space === undefined ? listSpaces(context) : listVars(context, GLOBALS.ownerOf(space))
    })
}

function addCommands(program: Command, { name: noun, description, argument, ownerOf }: Noun): Command {
  const vars = program.command(noun).description(description)
  vars
    .command(`get <${argument}> <name>`)
    .description('one variable, counted as a read; as a table its value alone')
    .option('--reveal', 'a sensitive value instead of its mask: needs the right "reveal", and the audit keeps it')
    .action((id: string, name: string, options: GetOptions, command: Command) =>
      getVar(createContext(command), { owner: ownerOf(id), name, options }),
    )
  vars
    .command(`set <${argument}> <name>`)
    .description('write one variable')
    .requiredOption('--value <json>', 'JSON, @file, or @- for stdin')
    .option('--type <type>', VARIABLE_TYPES.join(', '), 'user_defined')
    .option('--source-step <step>', 'the step it comes from')
    .option('--sensitive', 'encrypt it, and show a mask instead, until it is deleted')
    .option('--expected-version <n>', 'write only if it is at this version; 0: only if it does not exist')
    .option('--ttl <seconds>', 'delete it after so many seconds, unless it is written anew before')
    .action((id: string, name: string, options: SetOptions, command: Command) =>
      setVar(createContext(command), { owner: ownerOf(id), name, options }),
    )
  vars
    .command(`increment <${argument}> <name>`)
    .description('add to a number; a variable that is not there begins at 0')
    .option('--by <number>', 'how much, with every digit', '1')
    .option('--source-step <step>', 'the step it comes from')
    .action((id: string, name: string, options: IncrementOptions, command: Command) =>
      incrementVar(createContext(command), { owner: ownerOf(id), name, options }),
    )
  vars
    .command(`delete <${argument}> [name]`)
    .description('delete one variable, or with --all every one')
    .option('--all', `delete all variables of the ${argument}`)
    .option('--expected-version <n>', 'delete only if it is at this version')
    .action((id: string, name: string | undefined, options: DeleteOptions, command: Command) =>
      deleteVars(createContext(command), { owner: ownerOf(id), name, options }),
    )
  vars
    .command(`watch <${argument}>`)
    .description('every change as it happens; resumes by itself, until it is interrupted')
    .option('--after <revision>', 'begin after this revision; 0: from the first (default: from now)')
    .option('--names <names>', 'only these, by comma')
    .option('--types <types>', 'only these, by comma')
    .action((id: string, options: WatchOptions, command: Command) => watchVars(createContext(command), ownerOf(id), options))
  vars
    .command(`history <${argument}>`)
    .description('the change log')
    .option('--name <name>', 'of one variable')
    .action((id: string, options: { name?: string }, command: Command) =>
      showHistory(createContext(command), ownerOf(id), options.name ?? null),
    )
  return vars
}

async function listSpaces({ client, printRows }: CommandContext): Promise<void> {
  let after: string | null = null
  const spaces: ListSpacesQuery['spaces']['nodes'][number][] = []
  for (;;) {
    const response: ListSpacesQuery = await client.request(ListSpacesDocument, { first: PAGE, after })
    spaces.push(...response.spaces.nodes)
    after = response.spaces.pageInfo.endCursor
    if (!response.spaces.pageInfo.hasNextPage) break
  }
  printRows(
    spaces.map((space) => snakeKeys(space)),
    SPACE_COLUMNS,
  )
}

async function listVars({ client, say, printRows, format }: CommandContext, owner: Owner): Promise<void> {
  const { revision, variables } = await client.listVariables(streamFor(owner))
  printRows(variables.map(variableRow), LIST_COLUMNS)
  if (format === 'table') say(`${variables.length} variables at revision ${revision}`)
}

async function getVar(
  { client, format, print, printOne }: CommandContext,
  { owner, name, options }: VarTarget<GetOptions>,
): Promise<void> {
  const target = { ...owner, name }
  const variable = options.reveal
    ? (await client.request(RevealVariableDocument, target)).revealVariable
    : (await client.request(GetVariableDocument, target)).variable
  if (variable === null) throw new TransientError('NOT_FOUND', `${titleOf(owner)} has no variable "${name}"`)
  if (format === 'table') print(stringifyJson(variable.value ?? null))
  else printOne(variableRow(variable))
}

interface VarTarget<Options> {
  readonly owner: Owner
  readonly name: string
  readonly options: Options
}

async function setVar(context: CommandContext, { owner, name, options }: VarTarget<SetOptions>): Promise<void> {
  const { expectedVersion } = options
  const type = parseWord(options.type, VARIABLE_TYPES, '--type').toUpperCase() as GraphQLVariableType
  const input = {
    ...owner,
    name,
    value: parseValue(options.value, '--value'),
    type,
    sourceStep: options.sourceStep ?? null,
    ...(options.sensitive ? { sensitive: true } : {}),
    ...(options.ttl === undefined ? {} : { ttl: parseCount(options.ttl, '--ttl') }),
    ...(expectedVersion === undefined ? {} : { expectedVersion: parseCount(expectedVersion, '--expected-version') }),
  }
  const { upsertVariable } = await context.client.request(UpsertVariableDocument, { input })
  const { variable, revision, changed } = upsertVariable
  if (context.format === 'table')
    context.say(changed ? `${name} set at revision ${revision}` : `${name} was already so: nothing was written`)
  else context.printOne({ ...variableRow(variable), changed })
}

async function incrementVar(context: CommandContext, { owner, name, options }: VarTarget<IncrementOptions>): Promise<void> {
  const by = parseValue(options.by, '--by')
  if (!isJsonNumber(by)) throw new UsageError(`--by: ${options.by} is not a number`)
  // The generated type knows no number of more digits; the request is printed with all of them.
  const input = { ...owner, name, by: by as number, sourceStep: options.sourceStep ?? null }
  const { incrementVariable } = await context.client.request(IncrementVariableDocument, { input })
  const { variable, revision } = incrementVariable
  if (context.format === 'table') context.say(`${name} is ${stringifyJson(variable.value ?? null)} at revision ${revision}`)
  else context.printOne(variableRow(variable))
}

async function deleteVars(
  context: CommandContext,
  { owner, name, options }: Omit<VarTarget<DeleteOptions>, 'name'> & { readonly name: string | undefined },
): Promise<void> {
  if ((name === undefined) === (options.all !== true)) throw new UsageError('name one variable, or give --all')
  if (name === undefined) {
    const { deleteVariables } = await context.client.request(DeleteVariablesDocument, owner)
    if (context.format === 'table') context.say(`${deleteVariables.deletedCount} variables deleted`)
    else context.printOne(snakeKeys(deleteVariables))
    return
  }
  const expectedVersion = options.expectedVersion === undefined ? null : parseCount(options.expectedVersion, '--expected-version')
  const { deleteVariable } = await context.client.request(DeleteVariableDocument, {
    input: { ...owner, name, expectedVersion },
  })
  if (context.format !== 'table') context.printOne({ name, ...snakeKeys(deleteVariable) })
  else context.say(deleteVariable.deleted ? `${name} deleted at revision ${deleteVariable.revision}` : `there was no ${name}`)
}

async function watchVars(context: CommandContext, owner: Owner, options: WatchOptions): Promise<void> {
  const types = options.types === undefined ? undefined : parseList(options.types)
  const messages = context.client.watch(streamFor(owner), {
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

async function showHistory({ client, printRows }: CommandContext, owner: Owner, name: string | null): Promise<void> {
  let after: string | null = null
  const changes: VariableHistoryQuery['variableHistory']['nodes'][number][] = []
  for (;;) {
    const response: VariableHistoryQuery = await client.request(VariableHistoryDocument, {
      ...owner,
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
