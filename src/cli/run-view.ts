import ora, { type Ora } from 'ora'
import { type JsonObject, stringifyJson } from '../core/json.js'
import type { WatchedChange } from '../sdk/watch.js'
import type { CommandContext } from './context.js'
import type { RunView, StepState } from './follow.js'
import { shortJson } from './output.js'
import { changeRow, executionRow, iterationText, type ShownExecution } from './rows.js'

const COLORS = { dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
const SYMBOLS: Record<StepState['status'], readonly [string, keyof typeof COLORS]> = {
  PENDING: ['·', 'dim'],
  RUNNING: ['▸', 'cyan'],
  WAITING: ['◷', 'cyan'],
  SUCCEEDED: ['✔', 'green'],
  FAILED: ['✖', 'red'],
  SKIPPED: ['-', 'dim'],
  CANCELLED: ['■', 'yellow'],
}
/** A step that succeeded although iterations of it failed, in part or all. */
const PARTLY = ['!', 'yellow'] as const
const NONE = ['!', 'red'] as const

function durationMs(from: string | null, to: string | null): number | null {
  return from === null || to === null ? null : Math.max(0, Date.parse(to) - Date.parse(from))
}

function durationText(ms: number | null): string {
  if (ms === null) return ''
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`
}

type Paint = (text: string, color: keyof typeof COLORS) => string

function symbolOf({ status, iterationCounts }: StepState): readonly [string, keyof typeof COLORS] {
  if (status !== 'SUCCEEDED' || iterationCounts === null || iterationCounts.failed === 0) return SYMBOLS[status]
  return iterationCounts.succeeded === 0 ? NONE : PARTLY
}

/** `fetch ×3`, or `fetch failed` */
function toolText({ name, status, turns }: StepState['tools'][number]): string {
  const times = turns > 1 ? ` ×${turns}` : ''
  return `${name}${times}${status === 'SUCCEEDED' ? '' : ` ${status.toLowerCase()}`}`
}

function stepLine(step: StepState, paint: Paint): string {
  const [symbol, color] = symbolOf(step)
  const name = step.visit > 1 ? `${step.step} (visit ${step.visit})` : step.step
  const parts = [
    step.status.toLowerCase(),
    step.iterationCounts === null || step.status === 'RUNNING' ? '' : `iterations ${iterationText(step.iterationCounts)}`,
    step.tools.length > 0 ? `tools ${step.tools.map(toolText).join(', ')}` : `attempt ${Math.max(1, step.attempts)}`,
    durationText(durationMs(step.startedAt, step.finishedAt)),
  ]
  const error = step.error === null ? '' : `  ${step.error.code}: ${step.error.message}`
  return `${paint(symbol, color)} ${name}  ${paint(parts.filter((part) => part !== '').join(', '), 'dim')}${paint(error, 'red')}`
}

/** `name = value (was ...)` */
export function changeLine(change: WatchedChange): string {
  if (change.operation === 'delete') return `${change.name} deleted (was ${shortJson(change.previousValue)})`
  const was = change.previousValue === null ? '' : ` (was ${shortJson(change.previousValue)})`
  return `${change.name} = ${shortJson(change.value)}${was}`
}

/** Lines for people; on a terminal a spinner names what runs. It leaves the keyboard alone: Ctrl-C and Ctrl-Z mean what they always do. */
function createTextView({ print, say, isColorful }: CommandContext): RunView {
  const isTerminal = process.stdout.isTTY === true && process.stderr.isTTY === true
  const paint: Paint = (text, color) => (isTerminal && isColorful ? `\u001b[${COLORS[color]}m${text}\u001b[0m` : text)
  const spinner: Ora | null = isTerminal ? ora({ stream: process.stderr, discardStdin: false }) : null
  const running = new Map<string, string>()
  const spin = (): void => {
    if (running.size > 0) spinner?.start([...running.values()].join(', '))
  }

  function line(text: string, write: (text: string) => void = print): void {
    spinner?.stop()
    write(text)
    spin()
  }

  return {
    begin({ id, playbook }) {
      line(`execution ${id}${playbook === null ? '' : `  ${playbook.path} version ${playbook.version}`}`)
    },
    step(step) {
      if (step.status === 'PENDING') return
      if (step.status === 'RUNNING') running.set(step.id, step.step)
      else running.delete(step.id)
      if (step.status === 'RUNNING' && spinner !== null) spin()
      else line(stepLine(step, paint))
    },
    change: (change) => line(`    ${changeLine(change)}`),
    note: (text) => line(text, say),
    pause: () => spinner?.stop(),
    resume: spin,
    end({ id, status, error, createdAt, finishedAt, iterationCounts }) {
      running.clear()
      const time = durationText(durationMs(createdAt, finishedAt))
      const hasFailures = iterationCounts !== undefined && iterationCounts !== null && iterationCounts.failed > 0
      const text = `execution ${id} ${status.toLowerCase()}${time === '' ? '' : ` in ${time}`}`
      const color = status !== 'COMPLETED' ? 'red' : hasFailures ? 'yellow' : 'green'
      line(paint(hasFailures ? `${text}; iterations: ${iterationText(iterationCounts)}` : text, color))
      if (error === null) return
      const where = error.step === null ? '' : ` (step ${error.step}, attempt ${error.attempt ?? 1})`
      line(`${error.code}: ${error.message}${where}`, say)
    },
  }
}

function stepRow(step: StepState): JsonObject {
  return {
    step: step.step,
    visit: step.visit,
    status: step.status.toLowerCase(),
    attempts: step.attempts,
    iterations: step.iterationCounts && { ...step.iterationCounts },
    ...(step.tools.length > 0 ? { tools: step.tools.map((tool) => ({ ...tool, status: tool.status.toLowerCase() })) } : {}),
    duration_ms: durationMs(step.startedAt, step.finishedAt),
    error: step.error === null ? null : { code: step.error.code, message: step.error.message },
  }
}

/** One JSON object per line and event. */
function createJsonlView({ print, say }: CommandContext): RunView {
  const emit = (event: string, fields: JsonObject): void => print(stringifyJson({ event, ...fields }))
  const execution = (state: ShownExecution): void => emit('execution', executionRow(state))
  return {
    begin: execution,
    step: (step) => emit('step', stepRow(step)),
    change: (change, revision) => emit('variable', changeRow(change, revision)),
    note: say,
    pause: () => undefined,
    resume: () => undefined,
    end: execution,
  }
}

/** The view for the format asked for; with json the progress goes to stderr and the last state to stdout. */
export function createRunView(context: CommandContext): RunView {
  if (context.format === 'jsonl') return createJsonlView(context)
  if (context.format === 'table') return createTextView(context)
  const text = createTextView({ ...context, print: context.say })
  return {
    ...text,
    end(execution) {
      text.end(execution)
      context.printOne(executionRow(execution))
    },
  }
}
