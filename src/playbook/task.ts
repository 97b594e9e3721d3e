import type { Operations, Step, ToolCall, VarEntry, VariableOperation } from './model.js'
import { OPERATION_KEYS, readAccept, readOperations } from './operations.js'
import { type Cursor, describeKind, fieldsOf, given, kindOf, report, reportKey } from './reader.js'
import { readRetry } from './retry.js'
import { readTimedCall } from './timed-call.js'
import { readToolList, toolListOf } from './tool-list.js'
import { checkToolKeys, findTool, ITERATOR, type Toolkit } from './tools.js'
import { readEntries, readLocals } from './vars.js'
import { checkWaiting, readWait } from './wait.js'

const TASK_KEYS = ['name', 'desc', 'tool', 'type', 'let', 'vars', ...OPERATION_KEYS, 'accept', 'retry', 'timeout', 'wait']
const NESTED = 'a task cannot be an iterator itself: put it into a playbook of its own and run that with "tool: playbook"'

export interface TaskReading extends Pick<Step, 'retry' | 'timeout' | 'tools' | 'wait'> {
  readonly tool: ToolCall | null
  readonly locals: readonly VarEntry[]
  readonly vars: readonly VarEntry[]
  readonly operations: Operations<VariableOperation>
  readonly accept: readonly string[]
}

interface TaskSurroundings {
  readonly tools: Toolkit
  readonly pool: string | null
  /** The name of the current element. */
  readonly element: string | null
}

/** Reads the `task` of an iterator: what runs for each element. */
export function readTask(cursor: Cursor, { tools, pool, element }: TaskSurroundings): TaskReading | null {
  if (kindOf(cursor) !== 'mapping') {
    report(cursor, `the task of an iterator must be a mapping with a tool, not ${describeKind(cursor)}`)
    return null
  }
  const fields = fieldsOf(cursor)
  const tool = findTool(fields, tools, pool)
  const loop = fields.get('loop')
  if (loop) reportKey(loop, NESTED)
  if (tool?.kind === ITERATOR) {
    report(tool.at, NESTED)
    return null
  }
  checkToolKeys({ fields, tool, own: loop ? [...TASK_KEYS, 'loop'] : TASK_KEYS, of: 'the task of an iterator', tools })
  const locals = readLocals(given(fields, 'let'), element)
  const names = locals.map(({ name }) => name)
  const wait = readWait(given(fields, 'wait'), element === null ? names : [element, ...names])
  checkWaiting(fields)
  if (!tool && !fields.has('tool') && !fields.has('type') && !fields.has('wait'))
    report(cursor, 'the task of an iterator needs a tool')
  const vars = given(fields, 'vars')
  const list = toolListOf(fields)
  return {
    ...readTimedCall(fields, tool),
    tools: list ? readToolList(list, { tools, pool }) : null,
    locals,
    vars: vars ? readEntries(vars.value).map(({ entry }) => entry) : [],
    operations: readOperations(fields),
    accept: readAccept(fields),
    retry: readRetry(fields),
    wait,
  }
}
