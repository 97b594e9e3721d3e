import type { JsonValue } from '../core/json.js'
import { readJoin } from './join.js'
import { elementOfLoop, ITERATOR_KEYS, readLoop, readLoopField } from './loop.js'
import type { Loop, Step, ToolCall, WorkbookTask } from './model.js'
import { nameFault } from './names.js'
import { NO_OPERATIONS, OPERATION_KEYS, readAccept, readOperations } from './operations.js'
import {
  type Cursor,
  checkKeys,
  describeKind,
  type Fields,
  fieldsOf,
  given,
  isEmpty,
  kindOf,
  nearestName,
  report,
  reportKey,
  textOf,
} from './reader.js'
import { refineVars } from './refine.js'
import { readRetry, readTimeout } from './retry.js'
import { type NamedTarget, readRoutes } from './routing.js'
import { readTask } from './task.js'
import { conditionOf } from './templates.js'
import { readTimedCall } from './timed-call.js'
import { readToolList, toolListOf } from './tool-list.js'
import { checkToolKeys, findTool, ITERATOR, type NamedTool, parameterNames, type Toolkit } from './tools.js'
import { readLocals, readVars } from './vars.js'
import { checkWaiting, readWait, waitTemplates } from './wait.js'

const STEP_KEYS = [
  'step',
  'desc',
  'when',

  'tool',
  'type',
  'loop',
  'let',
  'vars',
  ...OPERATION_KEYS,
  'accept',
  'next',
  'case',
  'retry',
  'timeout',
  'pool',
  'wait',
  'join',
]
const DEFAULT_POOL = 'default'

export interface StepSurroundings {
  readonly tools: Toolkit
  readonly workbook: readonly WorkbookTask[]
  /** Names of all tasks of the workbook, readable or not. */
  readonly taskNames: ReadonlySet<string>
}

export interface StepReading {
  readonly step: Step
  readonly at: Cursor
  readonly targets: readonly NamedTarget[]
  /** Whether `targets` is all that its author wrote. */
  readonly isRouted: boolean
}

/** Reads one step in any dialect; null when it has no name. */
export function readStep(item: Cursor, surroundings: StepSurroundings): StepReading | null {
  if (kindOf(item) !== 'mapping') {
    report(item, `a step must be a mapping that starts with "step: name", not ${describeKind(item)}`)
    return null
  }
  const fields = fieldsOf(item)
  const pool = readPool(fields)
  const ownPool = pool === DEFAULT_POOL ? null : pool
  const tool = findTool(fields, surroundings.tools, ownPool)
  checkStepKeys({ fields, tool, surroundings })
  const name = readStepName(item, fields)
  const action = readAction({ item, fields, tool, tools: surroundings.tools, ownPool })
  checkAccept(fields, action)
  checkWorkbookName(action.tool, { at: tool?.at ?? item, fields: tool?.fields ?? fields, surroundings })
  for (const listed of action.tools ?? []) checkWorkbookName(listed.tool, { at: item, fields, surroundings })
  const routes = readRoutes(fields, item.source.log)
  const input = inputOf(action, surroundings)
  const { loop } = action
  const taskVars = loop ? new Set(loop.taskVars.map((entry) => entry.name)) : null
  const vars = refineVars({ written: readVars(given(fields, 'vars')), stepName: name ?? '', input, taskVars })
  if (name === null) return null
  const { next, cases, named, isComplete } = routes
  const when = given(fields, 'when')
  const step: Step = {
    name,
    description: readText(fields, 'desc'),
    when: when ? conditionOf(when.value, 'when') : null,
    join: readJoin(given(fields, 'join')),
    ...action,
    vars,
    operations: readOperations(fields),
    next,
    cases,
    pool,
    at: item.path,
  }
  return { step, at: fields.get('step')?.value ?? item, targets: named, isRouted: isComplete }
}

function checkStepKeys({
  fields,
  tool,
  surroundings,
}: {
  fields: Fields
  tool: NamedTool | null
  surroundings: StepSurroundings
}): void {
  const list = toolListOf(fields)
  if (list) {
    const parameters = new Set([...surroundings.tools.values()].flatMap(parameterNames))
    const hint = (name: string) => (parameters.has(name) ? 'write it inside one of the tools of its list' : null)
    checkKeys(fields, { known: STEP_KEYS, of: 'a step', hint })
    const retry = given(fields, 'retry')
    if (retry)
      reportKey(retry, 'a step with a list of tools takes no "retry": give the tool that may fail a rule {when, do: retry}')
    return
  }
  const isIterator = tool?.kind === ITERATOR
  const own = isIterator && !tool.isNested ? [...STEP_KEYS, ...ITERATOR_KEYS, 'task'] : STEP_KEYS
  checkToolKeys({ fields, tool, own, of: 'a step', tools: surroundings.tools })
  if (isIterator && tool.isNested) checkKeys(tool.fields, { known: ['kind', ...ITERATOR_KEYS, 'task'], of: 'tool iterator' })
}

/** Only a step that runs a playbook has children, which may write to what it accepts. */
function checkAccept(fields: Fields, { tool, tools, loop }: Action): void {
  const field = given(fields, 'accept')
  if (!field) return
  const kinds = [tool, ...(tools?.map((listed) => listed.tool) ?? [])].map((call) => call?.kind ?? null)
  if (loop && fields.get('loop') === undefined) reportKey(field, 'write "accept" into the task: that is what runs the children')
  else if (!kinds.includes('playbook') && !kinds.includes('workbook'))
    reportKey(field, '"accept" is for a step that runs a playbook: its executions may change these variables')
}

function readStepName(item: Cursor, fields: Fields): string | null {
  const field = fields.get('step')
  const name = field ? textOf(field.value) : null
  if (!field || name === null) {
    const found = field ? `, not ${describeKind(field.value)}` : ''
    report(field?.value ?? item, `a step needs "step": its name${found}`)
    return null
  }
  const fault = nameFault(name, 'step', item.source.isRegistered)
  if (fault) report(field.value, fault)
  return name
}

/** What a step runs and how: its tool, its loop, and the rules of each attempt. */
type Action = Pick<Step, 'tool' | 'tools' | 'loop' | 'locals' | 'accept' | 'retry' | 'timeout' | 'wait'>

interface ActionRequest {
  readonly item: Cursor
  readonly fields: Fields
  readonly tool: NamedTool | null
  readonly tools: Toolkit
  /** The step's pool where it is not the server's. */
  readonly ownPool: string | null
}

function readAction(request: ActionRequest): Action {
  const { item, fields, tool } = request
  const loopField = given(fields, 'loop')
  checkWaiting(fields)
  if (tool?.kind === ITERATOR) return readIterator({ ...request, tool })
  if (loopField && !tool && !fields.has('tool') && !fields.has('type'))
    reportKey(loopField, 'a loop needs a tool to run for each element')
  if (loopField && tool?.isNested && tool.fields.has('task')) report(item, 'give "loop" or an iterator with "task", not both')
  const list = toolListOf(fields)
  const locals = readLocals(given(fields, 'let'), loopField ? elementOfLoop(loopField) : null)
  return {
    ...readTimedCall(fields, tool),
    tools: list ? readToolList(list, { tools: request.tools, pool: request.ownPool }) : null,
    loop: loopField ? readLoopField(loopField, locals) : null,
    locals: loopField ? [] : locals,
    accept: readAccept(fields),
    retry: readRetry(fields),
    wait: readWait(
      given(fields, 'wait'),
      locals.map(({ name }) => name),
    ),
  }
}

function readIterator({ fields, tool, tools, ownPool }: ActionRequest & { tool: NamedTool }): Action {
  const loopField = given(fields, 'loop')
  if (loopField) reportKey(loopField, 'an iterator has its collection on itself: give "loop" or "type: iterator", not both')
  const taskField = given(tool.fields, 'task')
  if (!taskField) report(tool.at, 'an iterator needs a "task": what to run for each element')
  const element = elementOf(tool.fields)
  const task = taskField ? readTask(taskField.value, { tools, pool: ownPool, element }) : null
  const { locals: taskLocals = [], vars: taskVars = [], operations: taskOperations = NO_OPERATIONS } = task ?? {}
  const loop = readLoop({ fields: tool.fields, at: tool.at, of: 'an iterator', taskLocals, taskVars, taskOperations })
  const locals = readLocals(given(fields, 'let'), element)
  const own = readTimeout(given(fields, 'timeout'))
  const retry = readRetry(fields)
  for (const [name, isTwice] of [
    ['timeout', own !== null && task?.timeout != null],
    ['retry', retry !== null && task?.retry != null],
  ] as const) {
    const field = fields.get(name)
    if (isTwice && field)
      reportKey(field, `the task gives "${name}" too: an iterator's ${name} is that of each iteration, give one of them`)
  }
  const { tool: call = null, tools: calls = null, wait = null } = task ?? {}
  const rules = { retry: retry ?? task?.retry ?? null, timeout: own ?? task?.timeout ?? null }
  return { tool: call, tools: calls, wait, loop, locals, accept: task?.accept ?? [], ...rules }
}

function elementOf(fields: Fields): string | null {
  const field = given(fields, 'element')
  return field ? textOf(field.value) : null
}

function checkWorkbookName(
  call: ToolCall | null,
  { at, fields, surroundings }: { at: Cursor; fields: Fields; surroundings: StepSurroundings },
): void {
  if (call?.kind !== 'workbook') return
  const name = call.parameters['name']
  if (typeof name !== 'string' || surroundings.taskNames.has(name)) return
  const nameCursor = fields.get('name')?.value ?? at
  report(nameCursor, `the workbook has no task "${name.slice(0, 60)}"${nearestName(nameCursor, name, surroundings.taskNames)}`)
}

/** Every template that is rendered before the tool runs. */
function inputOf(
  { tool, tools: listed, loop, locals, timeout, wait }: Action,
  { tools, workbook }: StepSurroundings,
): JsonValue[] {
  const templates = (call: ToolCall | null): JsonValue[] => {
    if (!call) return []
    const raw = tools.get(call.kind)?.rawParameters ?? []
    return Object.entries(call.parameters).flatMap(([name, value]) => (raw.includes(name) ? [] : [value]))
  }
  const task = tool?.kind === 'workbook' ? workbook.find((entry) => entry.name === tool.parameters['name']) : undefined
  const ofList = (listed ?? []).flatMap((one) => [...templates(one.tool), one.timeout])
  return [
    ...[...locals, ...(loop?.taskLocals ?? [])].map((entry) => entry.value),
    ...templates(tool),
    ...ofList,
    ...templates(task?.tool ?? null),
    timeout,
    ...(wait ? waitTemplates(wait) : []),
    ...(loop ? loopInput(loop) : []),
  ]
}

function loopInput({ collection, concurrency, limit, chunk, where, orderBy }: Loop): JsonValue[] {
  const conditions = [where, orderBy?.expression ?? null].map((text) =>
    text === null || text.includes('{{') ? text : `{{ ${text} }}`,
  )
  return [collection, concurrency, limit, chunk, ...conditions]
}

/** An optional text. */
export function readText(fields: Fields, name: string): string | null {
  const field = given(fields, name)
  if (!field) return null
  const text = textOf(field.value)
  if (text === null) report(field.value, `"${name}" must be a text, not ${describeKind(field.value)}`)
  return text
}

function readPool(fields: Fields): string {
  const field = fields.get('pool')
  if (!field || isEmpty(field.value)) return DEFAULT_POOL
  const pool = textOf(field.value)
  if (pool !== null && /^[A-Za-z0-9_-]{1,100}$/.test(pool)) return pool
  report(field.value, 'a pool is named with letters, digits, _ and -, at most 100')
  return DEFAULT_POOL
}
