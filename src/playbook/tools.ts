import type { JsonObject } from '../core/json.js'
import { customTool, isCustomKind } from '../tools/custom.js'
import type { ToolDefinition } from '../tools/tool.js'
import { featureAdvice } from './features.js'
import type { ToolCall } from './model.js'
import { checkParameters } from './parameters.js'
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
  refuse,
  report,
  reportKey,
  textOf,
} from './reader.js'
import { didYouMean, oneOf } from './suggest.js'
import { templatesOf } from './templates.js'

export const ITERATOR = 'iterator'

/** Which tool a mapping names, in any dialect, and where its parameters stand. */
export interface NamedTool {
  readonly kind: string
  /** null for `iterator` and for a tool that does not exist. */
  readonly definition: ToolDefinition | null
  /** The mapping that holds the parameters: that of the tool, or the step itself. */
  readonly fields: Fields
  readonly isNested: boolean
  /** The value that names the tool. */
  readonly at: Cursor
}

export type Toolkit = ReadonlyMap<string, ToolDefinition>

/**
 * `tool: http`, `tool: {kind: http}` or `type: http`; null when the mapping names no tool. `pool` is that of the step where it names one:
 * its workers may serve kinds of their own.
 */
export function findTool(fields: Fields, tools: Toolkit, pool: string | null = null): NamedTool | null {
  const tool = given(fields, 'tool')
  const type = given(fields, 'type')
  if (tool && type) reportKey(type, '"type" is another name for "tool": give one of them')
  const field = tool ?? type
  if (!field) return null
  const isNested = kindOf(field.value) === 'mapping' && field.name === 'tool'
  const inner = isNested ? fieldsOf(field.value) : fields
  // What a list of tools may stand for is read there.
  if (field.name === 'tool' && kindOf(field.value) === 'list') return null
  const at = isNested ? inner.get('kind')?.value : field.value
  if (!at) {
    report(field.value, 'the tool has no "kind"')
    return null
  }
  const names = isNested ? [...inner.keys()] : []
  const found = toolOf({ fields: inner, at, tools, pool, names })
  if (!found) return null
  return { ...found, fields: isNested ? withArgs(inner, { fields, definition: found.definition }) : inner, isNested }
}

interface KindRequest {
  /** The mapping that holds the parameters. */
  readonly fields: Fields
  /** The value that names the kind. */
  readonly at: Cursor
  readonly tools: Toolkit
  readonly pool: string | null
  /** Its keys, which a kind of the pool's own takes as they are. */
  readonly names: readonly string[]
}

/** The tool of a kind; null where that is no text. */
export function toolOf({ fields, at, tools, pool, names }: KindRequest): NamedTool | null {
  const kind = textOf(at)
  if (kind === null) {
    report(at, `a tool is named by a text (${oneOf([...tools.keys()])}), not by ${describeKind(at)}`)
    return null
  }
  const definition = tools.get(kind) ?? ownKind({ kind, at, tools, pool, names })
  if (!definition && kind !== ITERATOR) report(at, unknownTool(kind, tools))
  return { kind, definition, fields, isNested: false, at }
}

interface OwnKind {
  readonly kind: string
  readonly at: Cursor
  readonly tools: Toolkit
  readonly pool: string | null
  /** The keys of the tool's mapping. */
  readonly names: readonly string[]
}

/** The definition of a kind that only the workers of a step's own pool know; null where it cannot be one. */
function ownKind({ kind, at, tools, pool, names }: OwnKind): ToolDefinition | null {
  if (pool === null || !isCustomKind(kind)) return null
  const near = didYouMean(kind, [...tools.keys(), ITERATOR])
  if (near)
    report(at, `"${kind}" is not a tool of the server's${near} Otherwise a worker of pool "${pool}" has to serve it`, 'warning')
  return customTool(kind, [...names.filter((name) => name !== 'kind'), 'args'])
}

/** `args` may stand beside a nested tool that takes them, as they do beside one that is not nested. */
function withArgs(inner: Fields, { fields, definition }: { fields: Fields; definition: ToolDefinition | null }): Fields {
  const args = fields.get('args')
  if (!args || !definition || !takesArgs(definition)) return inner
  if (inner.has('args')) reportKey(args, '"args" stands inside "tool", too: give one of them')
  return inner.has('args') ? inner : new Map([...inner, ['args', args]])
}

function takesArgs(definition: ToolDefinition): boolean {
  return Object.hasOwn(definition.parameters.shape, 'args')
}

function unknownTool(kind: string, tools: Toolkit): string {
  const kinds = [...tools.keys()]
  const advice = featureAdvice(kind)
  const hint = advice ? ` (${advice})` : didYouMean(kind, [...kinds, ITERATOR]).replace(/^: (.*)$/, ' ($1)')
  const orPool = hint === '' ? ', or name the "pool" whose workers serve it' : ''
  return `unknown tool "${kind.slice(0, 60)}": use ${oneOf(kinds)}${hint}${orPool}`
}

/** Every name a playbook may write for a parameter of the tool. */
export function parameterNames(definition: ToolDefinition): string[] {
  return [...new Set([...Object.keys(definition.parameters.shape), ...Object.keys(definition.aliases), 'auth'])]
}

export interface CheckedKeys {
  readonly fields: Fields
  /** null: only the mapping's own keys are accepted. */
  readonly tool: NamedTool | null
  /** Keys that the mapping has beside its tool's parameters. */
  readonly own: readonly string[]
  /** `a step` */
  readonly of: string
  readonly tools: Toolkit
}

/** Reports the unknown keys of a mapping that may name a tool, and of the tool's own mapping. */
export function checkToolKeys({ fields, tool, own, of, tools }: CheckedKeys): void {
  const definition = tool?.definition ?? null
  const isUnknown = tool !== null && !definition && tool.kind !== ITERATOR
  // A tool of NoETL's that is not here has keys of its own; of a misspelt name, any tool's parameter may be meant.
  if (isUnknown && featureAdvice(tool.kind)) return
  const parameters = (definition ? [definition] : isUnknown ? [...tools.values()] : []).flatMap(parameterNames)
  if (!tool?.isNested) {
    const inKind = tool && `write the parameters of ${tool.kind} inside: "tool: {kind: ${tool.kind}, ...}"`
    const hint = (name: string) => (tool ? (definition?.isCustom ? inKind : null) : toolHint(name, tools))
    checkKeys(fields, { known: [...own, ...parameters], of: definition ? `${of} with tool ${definition.kind}` : of, hint })
    return
  }
  const inTool = (name: string) =>
    parameters.includes(name) ? `it is a parameter of ${tool.kind}: write it inside "tool"` : null
  checkKeys(fields, { known: definition && takesArgs(definition) ? [...own, 'args'] : own, of, hint: inTool })
  if (!definition) return
  const onStep = (name: string) => (own.includes(name) && name !== 'tool' ? 'write it beside "tool", not inside' : null)
  checkKeys(tool.fields, { known: ['kind', ...parameters], of: `tool ${tool.kind}`, hint: onStep })
}

function toolHint(name: string, tools: Toolkit): string | null {
  const kinds = [...tools.values()].filter((tool) => parameterNames(tool).includes(name)).map((tool) => tool.kind)
  return kinds.length === 0 ? null : `it is a parameter of ${oneOf(kinds)}, and no "tool" is named here`
}

/** The call of a named tool: aliases resolved, templates compiled, values checked against the tool's own schema. */
export function readCall(tool: NamedTool, skip: ReadonlySet<string> = new Set()): ToolCall | null {
  const { definition } = tool
  if (!definition) return null
  const { log } = tool.at.source
  const before = log.errorCount()
  const chosen = chooseFields(tool, definition, skip)
  checkParameters({ definition, chosen, at: tool.at })
  const entries = [...chosen].map(([name, field]) => {
    const value = definition.rawParameters.includes(name) ? jsonOf(field.value) : templatesOf(field.value)
    return [name, value] as const
  })
  const parameters = Object.fromEntries(entries) as JsonObject
  if (log.errorCount() === before) reportFaults({ definition, chosen, parameters })
  return { kind: definition.kind, parameters }
}

interface Chosen {
  readonly definition: ToolDefinition
  readonly chosen: ReadonlyMap<string, Field>
  readonly parameters: JsonObject
}

function reportFaults({ definition, chosen, parameters }: Chosen): void {
  const items = new Map([...chosen].map(([name, field]) => [name, itemsOf(field.value)]))
  for (const { name, index, message, severity } of definition.faults?.(parameters) ?? []) {
    const at = items.get(name)?.[index ?? -1] ?? chosen.get(name)?.value
    if (!at) continue
    if (severity === 'error') refuse(at, message)
    else report(at, message, severity)
  }
}

/** Fields by the schema's own name; what is empty and means nothing is left out. */
function chooseFields(tool: NamedTool, definition: ToolDefinition, skip: ReadonlySet<string>): Map<string, Field> {
  const chosen = new Map<string, Field>()
  for (const written of parameterNames(definition)) {
    const field = tool.fields.get(written)
    if (!field || skip.has(written)) continue
    const name = Object.hasOwn(definition.aliases, written) ? (definition.aliases[written] ?? written) : written
    if (name === 'auth' && isNoAuth(field.value) && !definition.isCustom) continue
    if (isEmpty(field.value) && name !== 'payload' && !definition.isCustom) continue
    const first = chosen.get(name)
    if (first)
      reportKey(field, `"${written}" and "${first.name}" are two names for the same parameter of ${tool.kind}: give one of them`)
    else chosen.set(name, field)
  }
  return chosen
}

function isNoAuth(value: Cursor): boolean {
  return isEmpty(value) || (kindOf(value) === 'mapping' && fieldsOf(value).size === 0)
}
