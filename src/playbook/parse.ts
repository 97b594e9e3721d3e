import { isJsonNumber } from '../core/json.js'
import type { ToolDefinition } from '../tools/tool.js'
import { readComputed } from './computed.js'
import { loadDocument } from './document.js'
import { checkWorkload, readSpace } from './globals.js'
import { checkGraph } from './graph.js'
import type { ParseReport, Playbook, Step } from './model.js'
import { readNotify } from './notify.js'
import { TIMEOUT_RULE } from './numbers.js'
import type { ProblemLog } from './problems.js'
import {
  type Cursor,
  checkKeys,
  describeKind,
  type Field,
  type Fields,
  fieldsOf,
  given,
  isEmpty,
  itemsOf,
  jsonOf,
  kindOf,
  nearestName,
  report,
  reportKey,
  textOf,
} from './reader.js'
import { approximate } from './scalars.js'
import { readSchema, type SchemaReading } from './schema.js'
import { readStep, readText, type StepReading } from './steps.js'
import { oneOf } from './suggest.js'
import { templateMapping } from './templates.js'
import type { Toolkit } from './tools.js'
import { readNames, readWorkbook } from './workbook.js'

const API_VERSIONS = ['noetl.io/v1', 'noetl.io/v2']
const PLAYBOOK_KEYS = [
  'apiVersion',
  'kind',
  'metadata',
  'workload',
  'workbook',
  'workflow',
  'sensitive',
  'notify',
  'schema',
  'computed',
  'globals',
  'finally',
  'timeout',
]
const START = 'start'

export interface ParseOptions {
  /** The tool kinds that steps may name. */
  readonly tools: readonly ToolDefinition[]
  /** It was accepted when it was registered: what only newer rules refuse is a warning then. */
  readonly isRegistered?: boolean
}

/**
 * Parses a playbook, YAML 1.2 or JSON, in any dialect of docs/playbooks.md into the one model. Never throws for bad input:
 * all problems come back at once, with line and column, and `playbook` is null when one of them is an error. Its `schema` is left to
 * `checkPlaybook`.
 */
export function parsePlaybook(source: string, options: ParseOptions): ParseReport {
  const { log, playbook } = read(source, options)
  return { playbook: log.hasErrors() ? null : playbook, problems: log.list() }
}

/** The same with its `schema` compiled, and what the playbook says of its values checked by it. */
export async function checkPlaybook(source: string, options: ParseOptions): Promise<ParseReport> {
  const { log, playbook, schema, forms } = read(source, options)
  if (playbook === null || (schema === null && forms.length === 0))
    return { playbook: log.hasErrors() ? null : playbook, problems: log.list() }
  // Some hundred milliseconds that only playbooks with schemas need.
  const { checkForms, compileSchema } = await import('./compile-schema.js')
  await checkForms(forms)
  const compiled = schema === null ? playbook : { ...playbook, schema: await compileSchema(schema) }
  return { playbook: log.hasErrors() ? null : compiled, problems: log.list() }
}

interface Reading {
  readonly log: ProblemLog
  readonly playbook: Playbook | null
  readonly schema: SchemaReading | null
  /** JSON Schemas of what people are asked. */
  readonly forms: readonly Cursor[]
}

function read(source: string, options: ParseOptions): Reading {
  const { log, root } = loadDocument(source, options.isRegistered ?? false)
  const tools: Toolkit = new Map(options.tools.map((tool) => [tool.kind, tool]))
  return { log, ...(root ? readPlaybook(root, tools) : { playbook: null, schema: null }), forms: root?.source.forms ?? [] }
}

function readPlaybook(root: Cursor, tools: Toolkit): Omit<Reading, 'log' | 'forms'> {
  const fields = fieldsOf(root)
  const isWhole = !root.source.log.hasErrors()
  checkKeys(fields, { known: PLAYBOOK_KEYS, of: 'the playbook' })
  const apiVersion = readWord({ root, fields, name: 'apiVersion', accepted: API_VERSIONS })
  readWord({ root, fields, name: 'kind', accepted: ['Playbook'] })
  const metadata = readMetadata(root, fields)
  const workload = given(fields, 'workload')
  const book = readWorkbook(given(fields, 'workbook'), tools)
  const readings = readWorkflow({
    root,
    fields,
    read: (item) => readStep(item, { tools, workbook: book.tasks, taskNames: book.names }),
  })
  const steps = readings.map((reading) => reading.step)
  const startStep = steps.some((step) => step.name === START) ? START : (steps[0]?.name ?? START)
  const last = readFinally(given(fields, 'finally'), steps)
  checkGraph({
    readings,
    roots: last === null ? [startStep] : [startStep, last],
    isComplete: isWhole && readings.length === itemsOf(fields.get('workflow')?.value ?? root).length,
  })
  const derived = given(fields, 'computed')
  const computed = derived ? readComputed(derived, steps) : []
  const playbook: Playbook = {
    apiVersion,
    ...metadata,
    schema: null,
    computed,
    workload: workload ? templateMapping(workload.value, 'workload') : {},
    sensitive: readNames(fields.get('sensitive') ?? null),
    notify: readNotify(given(fields, 'notify')),
    space: readSpace(given(fields, 'globals')),
    workbook: book.tasks,
    steps,
    startStep,
    finally: last,
    timeout: readRootTimeout(given(fields, 'timeout')),
  }
  checkWorkload(workload)
  const schema = given(fields, 'schema')
  if (!schema) return { playbook, schema: null }
  const readers = ['workflow', 'workbook', 'computed'].flatMap((name) => fields.get(name)?.value ?? [])
  return { playbook, schema: readSchema({ field: schema, workload: workload?.value ?? null, steps, computed, readers }) }
}

/** The step that runs before the execution ends. */
function readFinally(field: Field | null, steps: readonly Step[]): string | null {
  if (!field) return null
  const name = textOf(field.value)
  const names = steps.map((step) => step.name)
  if (name !== null && names.includes(name)) return name
  const found = name === null ? describeKind(field.value) : `"${name.slice(0, 60)}"${nearestName(field.value, name, names)}`
  report(field.value, `finally must be the name of a step, not ${found}`)
  return null
}

function readRootTimeout(field: Field | null): number | null {
  if (!field) return null
  const value = jsonOf(field.value)
  if (isJsonNumber(value) && TIMEOUT_RULE.accepts(approximate(value))) return approximate(value)
  const found = typeof value === 'string' ? `"${value.slice(0, 60)}"` : describeKind(field.value)
  report(field.value, `timeout must be ${TIMEOUT_RULE.what}, not ${found}`)
  return null
}

interface WordRequest {
  readonly root: Cursor
  readonly fields: Fields
  readonly name: string
  readonly accepted: readonly string[]
}

function readWord({ root, fields, name, accepted }: WordRequest): string {
  const field = given(fields, name)
  if (!field) {
    report(fields.get(name)?.value ?? root, `"${name}" is missing: write ${name}: ${oneOf(accepted)}`)
    return ''
  }
  const word = textOf(field.value)
  if (word !== null && accepted.includes(word)) return word
  const found = word === null ? describeKind(field.value) : `"${word.slice(0, 60)}"`
  report(field.value, `"${name}" must be ${oneOf(accepted)}, not ${found}`)
  return ''
}

/** `name`, `path` and `description` count; whatever else stands there is for people. */
function readMetadata(root: Cursor, fields: Fields): Pick<Playbook, 'name' | 'path' | 'description'> {
  const field = fields.get('metadata')
  const own = field ? fieldsOf(field.value) : new Map()
  const nothing = { name: '', path: '', description: null }
  if (!field || kindOf(field.value) !== 'mapping') {
    if (field && !isEmpty(field.value))
      report(field.value, `metadata must be a mapping with a name, not ${describeKind(field.value)}`)
    else report(field?.value ?? root, '"metadata" is missing: it needs at least a name')
    return nothing
  }
  const name = readText(own, 'name')
  if (!given(own, 'name')) reportKey(field, 'metadata.name is missing')
  else if (name !== null && name.trim() === '') reportKey(field, 'metadata.name is empty')
  const path = readText(own, 'path')
  if (path !== null && path.trim() === '') reportKey(field, 'metadata.path is empty: leave it out, and the name is the path')
  return { name: name ?? '', path: path ?? name ?? '', description: readText(own, 'description') }
}

interface WorkflowRequest {
  readonly root: Cursor
  readonly fields: Fields
  readonly read: (item: Cursor) => StepReading | null
}

function readWorkflow({ root, fields, read }: WorkflowRequest): StepReading[] {
  const field = fields.get('workflow')
  if (!field) {
    report(root, '"workflow" is missing: it is the list of steps')
    return []
  }
  if (kindOf(field.value) !== 'list') {
    report(field.value, `workflow must be a list of steps, not ${describeKind(field.value)}`)
    return []
  }
  const items = itemsOf(field.value)
  if (items.length === 0) reportKey(field, 'workflow is empty: it needs at least one step')
  return items.flatMap((item) => read(item) ?? [])
}
