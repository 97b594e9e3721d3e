import type { Command } from 'commander'
import { stringifyJson } from '../../core/json.js'
import { ListPlaybooksDocument, type ListPlaybooksQuery, type PlaybookFieldsFragment } from '../../sdk/generated/graphql.js'
import { type CommandContext, createContext } from '../context.js'
import { EXIT, ExitError } from '../exit.js'
import { playbookRow } from '../rows.js'
import { parseCount, readInput } from '../value.js'

const LIST_COLUMNS = ['path', 'version', 'name', 'registered_at']
const PROBLEM_COLUMNS = ['severity', 'line', 'column', 'path', 'message']
const PAGE = 250

/** `playbook validate|convert|register|list|schema` */
export function addPlaybookCommands(program: Command): void {
  const playbook = program.command('playbook').description('check and register playbooks')
  playbook
    .command('validate <files...>')
    .description('report every problem with file, line and column; needs no server')
    .action((files: string[], _options, command: Command) => validate(createContext(command), files))
  playbook
    .command('convert <file>')
    .description("print a playbook in NoETL's present form in Transient's own, comments kept; needs no server")
    .action((file: string, _options, command: Command) => convert(createContext(command), file))
  playbook
    .command('register <file>')
    .description('register a playbook as the next version of its path')
    .action((file: string, _options, command: Command) => register(createContext(command), file))
  playbook
    .command('list')
    .description('the latest version of each')
    .action((_options, command: Command) => list(createContext(command)))
  playbook
    .command('schema <path>')
    .description('its schema block, as JSON')
    .option('--playbook-version <n>', 'by default the latest')
    .action((path: string, options: { playbookVersion?: string }, command: Command) =>
      schema(createContext(command), path, options),
    )
}

async function validate(context: CommandContext, files: readonly string[]): Promise<void> {
  // Loaded only here: the other commands start faster without the parser and the tools.
  const [{ checkPlaybook }, { TOOLS }] = await Promise.all([import('../../playbook/index.js'), import('../../tools/index.js')])
  const check = async (file: string) => ({ file, ...(await checkPlaybook(readInput(file), { tools: TOOLS })) })
  const reports = await Promise.all(files.map(check))
  const problems = reports.flatMap(({ file, problems }) => problems.map((problem) => ({ file, ...problem })))
  if (context.format === 'table') {
    for (const { file, line, column, severity, path, message } of problems) {
      context.print(`${file}:${line}:${column}: ${severity}: ${path === '' ? '' : `${path}: `}${message}`)
    }
  } else {
    context.printRows(problems, PROBLEM_COLUMNS)
  }
  const faulty = reports.filter((report) => report.playbook === null).length
  if (faulty > 0) throw new ExitError(EXIT.other, `${faulty} of ${files.length} playbooks cannot be run`)
  context.say(files.length === 1 ? 'the playbook is valid' : `all ${files.length} playbooks are valid`)
}

async function convert(context: CommandContext, file: string): Promise<void> {
  const [{ convertPlaybook }, { TOOLS }] = await Promise.all([import('../../playbook/index.js'), import('../../tools/index.js')])
  const { text, isChanged, problems } = await convertPlaybook(readInput(file), { tools: TOOLS })
  for (const { line, column, severity, path, message } of problems) {
    if (text === null || severity === 'info')
      context.say(`${file}:${line}:${column}: ${severity}: ${path === '' ? '' : `${path}: `}${message}`)
  }
  if (text === null) throw new ExitError(EXIT.other, `${file} cannot be run, so it is not converted`)
  if (!isChanged) context.say(`${file} is in Transient's own form already`)
  context.print(text.trimEnd())
}

async function register({ client, printOne }: CommandContext, file: string): Promise<void> {
  printOne(playbookRow(await client.registerPlaybook(readInput(file))))
}

async function schema(
  { client, print }: CommandContext,
  path: string,
  { playbookVersion }: { readonly playbookVersion?: string },
): Promise<void> {
  const version = playbookVersion === undefined ? undefined : parseCount(playbookVersion, '--playbook-version')
  print(stringifyJson(await client.getSchema(path, version)))
}

async function list({ client, printRows }: CommandContext): Promise<void> {
  const playbooks: PlaybookFieldsFragment[] = []
  let after: string | null = null
  for (;;) {
    const response: ListPlaybooksQuery = await client.request(ListPlaybooksDocument, { first: PAGE, after })
    playbooks.push(...response.playbooks.nodes)
    after = response.playbooks.pageInfo.endCursor
    if (!response.playbooks.pageInfo.hasNextPage) break
  }
  printRows(playbooks.map(playbookRow), LIST_COLUMNS)
}
