import type { WorkbookTask } from './model.js'
import {
  type Cursor,
  checkKeys,
  describeKind,
  type Field,
  fieldsOf,
  given,
  isEmpty,
  itemsOf,
  kindOf,
  report,
  reportKey,
  textOf,
} from './reader.js'
import { toolListOf } from './tool-list.js'
import { checkToolKeys, findTool, ITERATOR, readCall, type Toolkit } from './tools.js'

const TASK_KEYS = ['name', 'desc', 'tool', 'type', 'assert']

export interface WorkbookReading {
  readonly tasks: readonly WorkbookTask[]
  /** Every task's name, also of those whose tool cannot be read. */
  readonly names: ReadonlySet<string>
}

/** Reads the named tasks that `tool: workbook` runs. */
export function readWorkbook(field: Field | null, tools: Toolkit): WorkbookReading {
  const names = new Set<string>()
  if (!field) return { tasks: [], names }
  if (kindOf(field.value) !== 'list') {
    report(field.value, `workbook must be a list of tasks, such as [{name, tool, ...}], not ${describeKind(field.value)}`)
    return { tasks: [], names }
  }
  const tasks = itemsOf(field.value).flatMap((item) => readTask(item, { tools, names }) ?? [])
  return { tasks, names }
}

function readTask(item: Cursor, { tools, names }: { tools: Toolkit; names: Set<string> }): WorkbookTask | null {
  if (kindOf(item) !== 'mapping') {
    report(item, `a task of the workbook must be a mapping, not ${describeKind(item)}`)
    return null
  }
  const fields = fieldsOf(item)
  const tool = findTool(fields, tools)
  checkToolKeys({ fields, tool, own: TASK_KEYS, of: 'a task of the workbook', tools })
  const name = readName(item, fields.get('name'), names)
  const { expects, returns } = readAssert(given(fields, 'assert'))
  if (!tool) {
    const list = toolListOf(fields)
    if (list) reportKey(list, 'a task of the workbook is one tool: a list of tools stands in a step')
    if (!fields.has('tool') && !fields.has('type')) report(item, 'a task of the workbook needs a tool')
    return null
  }
  if (tool.kind === ITERATOR || tool.kind === 'workbook') {
    report(tool.at, `a task of the workbook cannot be "${tool.kind}": use playbook for that`)
    return null
  }
  const call = readCall(tool)
  return call && name !== null ? { name, tool: call, expects, returns } : null
}

function readName(item: Cursor, field: Field | undefined, names: Set<string>): string | null {
  const name = field ? textOf(field.value) : null
  if (!field || name === null || name.trim() === '') {
    report(field?.value ?? item, 'a task of the workbook needs a "name"')
    return null
  }
  if (names.has(name)) report(field.value, `duplicate task "${name.slice(0, 60)}" in the workbook`)
  names.add(name)
  return name
}

function readAssert(field: Field | null): { expects: string[]; returns: string[] } {
  if (!field) return { expects: [], returns: [] }
  if (kindOf(field.value) !== 'mapping') {
    report(field.value, `assert must be a mapping {expects, returns}, not ${describeKind(field.value)}`)
    return { expects: [], returns: [] }
  }
  const fields = fieldsOf(field.value)
  checkKeys(fields, { known: ['expects', 'returns'], of: 'assert' })
  return { expects: readNames(fields.get('expects') ?? null), returns: readNames(fields.get('returns') ?? null) }
}

/** A list of texts. */
export function readNames(field: Field | null): string[] {
  if (!field || isEmpty(field.value)) return []
  if (kindOf(field.value) !== 'list') {
    reportKey(field, `"${field.name}" must be a list of names, not ${describeKind(field.value)}`)
    return []
  }
  return itemsOf(field.value).flatMap((item) => {
    const name = textOf(item)
    if (name === null) report(item, `"${field.name}" is a list of names: this is ${describeKind(item)}`)
    return name === null ? [] : [name]
  })
}
