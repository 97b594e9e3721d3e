import type { Command } from 'commander'
import { TransientError } from '../../core/errors.js'
import type { JsonObject } from '../../core/json.js'
import type { Missed, Overlap, ScheduleFieldsFragment } from '../../sdk/generated/graphql.js'
import { type CommandContext, createContext, snakeKeys } from '../context.js'
import { parseCount, parseObject, parseWord } from '../value.js'

const COLUMNS = ['name', 'path', 'when', 'time_zone', 'is_paused', 'next_at', 'last_at', 'reason']
const MISSED = ['last', 'all', 'none'] as const
const OVERLAPS = ['allow', 'skip', 'cancel'] as const

interface SetOptions {
  readonly cron?: string
  readonly every?: string
  readonly timeZone: string
  readonly playbookVersion?: string
  readonly workload?: string
  readonly missed: string
  readonly overlap: string
  readonly paused: boolean
}

/** `schedule list|set|pause|resume|delete|next` */
export function addScheduleCommands(program: Command): void {
  const schedule = program.command('schedule').description('what starts executions by the clock (docs/schedules.md)')
  schedule
    .command('list')
    .description('every schedule, by name')
    .action((_options, command: Command) => list(createContext(command)))
  schedule
    .command('set <name> <path>')
    .description('make a schedule, or replace the one of that name')
    .option('--cron <pattern>', 'five fields, such as "30 8 * * 1-5", or @hourly and the like')
    .option('--every <seconds>', 'in the place of --cron: every so many seconds')
    .option('--time-zone <zone>', 'whose clock --cron goes by', 'UTC')
    .option('--playbook-version <n>', 'by default the latest at that time')
    .option('--workload <json>', 'the input: a JSON object, @file, or @- for stdin')
    .option('--missed <rule>', `instants that nobody was there for: ${MISSED.join(', ')}`, 'last')
    .option('--overlap <rule>', `while one still runs: ${OVERLAPS.join(', ')}`, 'allow')
    .option('--paused', 'it starts nothing until it is resumed', false)
    .action((name: string, path: string, options: SetOptions, command: Command) =>
      set(createContext(command), { name, path, options }),
    )
  schedule
    .command('pause <name>')
    .description('start nothing until it is resumed')
    .action(async (name: string, _options, command: Command) => {
      const context = createContext(command)
      show(context, await context.client.schedules.pause(name))
    })
  schedule
    .command('resume <name>')
    .description('start again; what came meanwhile is dealt with as --missed says')
    .action(async (name: string, _options, command: Command) => {
      const context = createContext(command)
      show(context, await context.client.schedules.resume(name))
    })
  schedule
    .command('delete <name>')
    .description('what it has started goes on')
    .action(async (name: string, _options, command: Command) => {
      const { client, say } = createContext(command)
      if (!(await client.schedules.delete(name))) throw new TransientError('NOT_FOUND', `there is no schedule "${name}"`)
      say(`schedule "${name}" deleted`)
    })
  schedule
    .command('next <name>')
    .description('its next instants')
    .option('--count <n>', 'how many, at most 400', '5')
    .action((name: string, { count }: { count: string }, command: Command) => next(createContext(command), name, count))
}

function rowOf(schedule: ScheduleFieldsFragment): JsonObject {
  const { cron, everySeconds, lastExecution, missed, overlap, ...rest } = schedule
  return {
    ...snakeKeys(rest as unknown as JsonObject),
    when: cron ?? `every ${everySeconds} s`,
    missed: missed.toLowerCase(),
    overlap: overlap.toLowerCase(),
    last_execution_id: lastExecution?.id ?? null,
  }
}

async function list({ client, printRows }: CommandContext): Promise<void> {
  printRows((await client.schedules.list()).map(rowOf), COLUMNS)
}

async function set(
  context: CommandContext,
  { name, path, options }: { name: string; path: string; options: SetOptions },
): Promise<void> {
  const { cron, every, timeZone, playbookVersion, workload, missed, overlap, paused } = options
  const schedule = await context.client.schedules.set({
    ...{ name, path, timeZone, isPaused: paused, cron: cron ?? null },
    everySeconds: every === undefined ? null : parseCount(every, '--every'),
    version: playbookVersion === undefined ? null : parseCount(playbookVersion, '--playbook-version'),
    workload: workload === undefined ? null : parseObject(workload, '--workload'),
    missed: parseWord(missed, MISSED, '--missed').toUpperCase() as Missed,
    overlap: parseWord(overlap, OVERLAPS, '--overlap').toUpperCase() as Overlap,
  })
  show(context, schedule)
}

function show({ printOne, say, format }: CommandContext, schedule: ScheduleFieldsFragment): void {
  const { name, isPaused, nextAt } = schedule
  if (format === 'table') say(`schedule "${name}" ${isPaused ? 'is paused' : `fires next at ${nextAt}`}`)
  else printOne(rowOf(schedule))
}

async function next({ client, print, printRows, format }: CommandContext, name: string, given: string): Promise<void> {
  const upcoming = await client.schedules.next(name, parseCount(given, '--count'))
  if (format === 'table') for (const at of upcoming) print(at)
  else
    printRows(
      upcoming.map((at) => ({ at })),
      ['at'],
    )
}
