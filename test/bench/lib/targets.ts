import { tableOf } from './markdown.js'

/** One row of what must be reached: by what figure, and which way it counts. */
interface Target {
  readonly benchmark: string
  readonly yardstick: string
  readonly command: string
  readonly reach: number
  readonly dream: number
  /** `at least`: a ratio to the yardstick. `at most`: times, or seconds, that must stay below. */
  readonly is: 'at least' | 'at most'
  readonly unit: 'x' | ' s' | ' ms' | '/s' | ' MiB'
}

const atLeast = { is: 'at least', unit: 'x' } as const
const atMost = { is: 'at most', unit: 'x' } as const
const WRITE = 'one `upsertVariable` over HTTP, 32 connections'
const STEPS = '100 executions of 20 no-op steps'
const growth = { command: 'bench:growth', reach: 1.3, dream: 1, ...atMost } as const

/** In the order of the page. */
export const TARGETS = {
  pgbench: { benchmark: WRITE, yardstick: 'pgbench', command: 'bench:mutations', reach: 0.5, dream: 1, ...atLeast },
  postgraphile: { benchmark: WRITE, yardstick: 'PostGraphile 5', command: 'bench:mutations', reach: 6, dream: 10, ...atLeast },
  single: {
    ...{ benchmark: 'the same, 1 connection, p50', yardstick: 'bare `pg`', command: 'bench:mutations' },
    ...{ reach: 2, dream: 1.3, ...atMost },
  },
  local: {
    ...{
      benchmark: 'the same, on the PostgreSQL of its own',
      yardstick: 'itself on another, writes',
      command: 'bench:mutations',
    },
    ...{ reach: 0.9, dream: 1, ...atLeast },
  },
  list: {
    ...{ benchmark: 'the first 100 of 1,000 variables', yardstick: 'PostGraphile 5', command: 'bench:list' },
    ...{ reach: 2, dream: 4, ...atLeast },
  },
  delivered: {
    ...{ benchmark: '1,000 subscribers, 100 changes/s: delivered', yardstick: 'NATS KV', command: 'bench:watch' },
    ...{ reach: 0.8, dream: 1, ...atLeast },
  },
  perEvent: {
    ...{ benchmark: 'the same: processor time per event', yardstick: 'NATS KV', command: 'bench:watch' },
    ...{ reach: 2, dream: 1, ...atMost },
  },
  bullmq: { benchmark: STEPS, yardstick: 'BullMQ', command: 'bench:steps', reach: 1, dream: 2, ...atLeast },
  dbos: { benchmark: STEPS, yardstick: 'DBOS', command: 'bench:steps', reach: 1, dream: 2, ...atLeast },
  embedded: {
    ...{ benchmark: 'the same, on the PostgreSQL of its own', yardstick: 'itself on another', command: 'bench:steps' },
    ...{ reach: 0.9, dream: 1, ...atLeast },
  },
  templates: {
    ...{ benchmark: '`{{ vars.counter + 1 }}`, compiled', yardstick: 'nunjucks, compiled', command: 'bench:templates' },
    ...{ reach: 5, dream: 10, ...atLeast },
  },
  pythonCalls: {
    ...{ benchmark: '10,000 async iterations of a python step', yardstick: '–', command: 'bench:python' },
    ...{ reach: 15, dream: 2, is: 'at most', unit: ' s' },
  },
  pythonImport: {
    ...{ benchmark: 'the same, with a module that takes 200 ms to import', yardstick: '–', command: 'bench:python' },
    ...{ reach: 15, dream: 2, is: 'at most', unit: ' s' },
  },
  workerTasks: {
    ...{ benchmark: '5,000 tasks by a worker of the SDK', yardstick: '–', command: 'bench:workers' },
    ...{ reach: 1000, dream: 5000, is: 'at least', unit: '/s' },
  },
  workerCpu: {
    ...{ benchmark: 'the same: processor time of the server for a task', yardstick: '–', command: 'bench:workers' },
    ...{ reach: 0.4, dream: 0.2, is: 'at most', unit: ' ms' },
  },
  startCpu: {
    ...{ benchmark: 'a start over REST, 16 connections: processor time of the server', yardstick: '–', command: 'bench:starts' },
    ...{ reach: 0.5, dream: 0.2, is: 'at most', unit: ' ms' },
  },
  searchStatus: {
    ...{ benchmark: 'the first 20 of 100,000 executions by a rare status, p50', yardstick: '–', command: 'bench:search' },
    ...{ reach: 5, dream: 1, is: 'at most', unit: ' ms' },
  },
  searchValue: {
    ...{ benchmark: "the same by a variable's value", yardstick: '–', command: 'bench:search' },
    ...{ reach: 5, dream: 1, is: 'at most', unit: ' ms' },
  },
  httpSteps: {
    ...{ benchmark: 'http steps against a local server, 16 at a time', yardstick: 'undici in a loop', command: 'bench:tools' },
    ...{ reach: 0.3, dream: 0.6, ...atLeast },
  },
  postgresSteps: {
    ...{ benchmark: 'postgres steps against a local server, 16 at a time', yardstick: '`pg` in a loop', command: 'bench:tools' },
    ...{ reach: 0.3, dream: 0.6, ...atLeast },
  },
  firstStart: {
    ...{ benchmark: 'start on a new folder, until ready', yardstick: '–', command: 'bench:start' },
    ...{ reach: 3, dream: 1.5, is: 'at most', unit: ' s' },
  },
  start: {
    ...{ benchmark: 'start on an existing folder, until ready', yardstick: '–', command: 'bench:start' },
    ...{ reach: 1.5, dream: 0.5, is: 'at most', unit: ' s' },
  },
  memory: {
    ...{ benchmark: 'server and its PostgreSQL at rest', yardstick: '–', command: 'bench:start' },
    ...{ reach: 250, dream: 150, is: 'at most', unit: ' MiB' },
  },
  databaseCpu: {
    ...{ benchmark: 'processor time of a new database', yardstick: '–', command: 'bench:start' },
    ...{ reach: 1, dream: 0.5, is: 'at most', unit: ' s' },
  },
  iterations: {
    ...{ benchmark: 'an iteration, of 100 and of 10,000 items', yardstick: 'its small case', command: 'bench:steps' },
    ...{ reach: 1.3, dream: 1, ...atMost },
  },
  growingWrite: {
    ...{ benchmark: 'a write, as variables, executions and history grow', yardstick: 'its small case', ...growth },
  },
  growingRead: { ...{ benchmark: 'a single read, the same', yardstick: 'its small case', ...growth } },
} as const satisfies Record<string, Target>

export type TargetId = keyof typeof TARGETS
export type Reached = Partial<Record<TargetId, number>>

const COLUMNS = ['benchmark', 'beside', 'to be reached', 'dream', 'reached', 'so it is', 'command']
const REACHED = [COLUMNS.indexOf('reached'), COLUMNS.indexOf('so it is')] as const

/** The table with new figures in it; of what was not measured now, those of the table before. */
export function targetsTable(before: string, reached: Reached): string {
  const known = new Map(before.split('\n').map((line) => [keyOf(cellsOf(line)), cellsOf(line)]))
  const rows = (Object.entries(TARGETS) as [TargetId, Target][]).map(([id, target]) => {
    const { benchmark, yardstick, is, unit, reach, dream, command } = target
    const value = reached[id]
    const old = known.get(keyOf([benchmark, yardstick])) ?? []
    const now = value === undefined ? REACHED.map((column) => old[column] ?? '–') : [shown(value, unit), verdict(value, target)]
    return [benchmark, yardstick, `${is} ${reach}${unit}`, `${dream}${unit}`, ...now, `\`npm run ${command}\``]
  })
  return tableOf(COLUMNS, rows)
}

const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
const keyOf = ([benchmark, yardstick]: readonly string[]): string => `${benchmark} beside ${yardstick}`
const shown = (value: number, unit: string): string => `${value.toFixed(2)}${unit}`

function verdict(value: number, { is, reach, dream }: Target): string {
  const isWithin = (limit: number): boolean => (is === 'at least' ? value >= limit : value <= limit)
  return isWithin(dream) ? 'the dream' : isWithin(reach) ? 'reached' : '**missed**'
}
