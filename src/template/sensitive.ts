import { isTransientError } from '../core/errors.js'
import { isJsonObject, type JsonValue } from '../core/json.js'
import { compileCondition, compileTemplate, hasMarkup, type Template } from './template.js'
import type { ContextLayers, SensitiveNames } from './types.js'

/**
 * What of a context's sensitive values the templates inside a value may read: `vars.token`, `workload.key`, `results.fetch`, `vars.*`
 * where it may be any of them, or a plain name. Found in the text, not by running it: a branch that is not taken counts, and which one is taken tells nothing.
 */
export function sensitiveReads(value: JsonValue, layers: ContextLayers): string[] {
  const { sensitive } = layers
  return sensitive === undefined ? [] : [...templatesIn(value)].flatMap((template) => readsOf(template, layers, sensitive))
}

/** The same of a condition, which may be a bare expression. */
export function sensitiveReadsOfCondition(source: string, layers: ContextLayers): string[] {
  const { sensitive } = layers
  if (sensitive === undefined) return []
  return compiled(source, compileCondition).flatMap((template) => readsOf(template, layers, sensitive))
}

function* templatesIn(value: JsonValue): Generator<Template> {
  if (typeof value === 'string') {
    if (hasMarkup(value)) yield* compiled(value, compileTemplate)
  } else if (Array.isArray(value)) {
    for (const item of value) yield* templatesIn(item)
  } else if (isJsonObject(value)) {
    for (const item of Object.values(value)) yield* templatesIn(item)
  }
}

/** One that does not parse reads nothing: rendering it fails before it begins. */
function compiled(source: string, compile: (source: string) => Template): Template[] {
  try {
    return [compile(source)]
  } catch (error) {
    if (isTransientError(error)) return []
    throw error
  }
}

function readsOf({ mentions }: Template, layers: ContextLayers, sensitive: SensitiveNames): string[] {
  return [...mentions.roots].flatMap((root) => {
    const members = mentions.members.get(root) ?? 'all'
    if (root === 'vars') return membersOf(root, sensitive.vars, members)
    if (root === 'workload') return membersOf(root, sensitive.workload, members)
    if (root === 'globals') return membersOf(root, sensitive.globals ?? NONE, members)
    if (root === 'results') return membersOf(root, sensitive.steps, members)
    return plainName(root, { members, layers, sensitive })
  })
}

const NONE: ReadonlySet<string> = new Set()

type Members = ReadonlySet<string> | 'all'

/** `vars.*` where any of them may be read: listing thousands of names for each template would cost more than the templates. */
function membersOf(root: string, names: ReadonlySet<string>, members: Members): string[] {
  if (members === 'all') return names.size === 0 ? [] : [`${root}.*`]
  return [...members].filter((name) => names.has(name)).map((name) => `${root}.${name}`)
}

interface PlainName {
  readonly members: Members
  readonly layers: ContextLayers
  readonly sensitive: SensitiveNames
}

/** In the order in which a bare name resolves: what an earlier layer hides is not read. */
function plainName(name: string, { members, layers, sensitive }: PlainName): string[] {
  const has = (layer: object | undefined) => layer !== undefined && Object.hasOwn(layer, name)
  if (has(layers.locals)) return sensitive.locals.has(name) ? [name] : []
  if (has(layers.vars)) return membersOf('vars', sensitive.vars, new Set([name]))
  if (has(layers.steps)) return membersOf('results', sensitive.steps, new Set([name]))
  if (has(layers.workload)) return membersOf('workload', sensitive.workload, new Set([name]))
  if (name === 'payload') return membersOf('workload', sensitive.workload, members)
  return has(layers.builtins) && sensitive.builtins.has(name) ? [name] : []
}
