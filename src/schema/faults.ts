import { isJsonObject, type JsonObject } from '../core/json.js'
import { ENDLESS, findEndless, patternFault } from './pattern.js'
import { pointerParts, pointerTo, type SchemaProblem } from './problem.js'
import { checkOfSchemas, DIALECT } from './validator.js'
import { allSchemas, innerSchemas, rootsOf, type Subschema } from './walk.js'

/** What is wrong with a schema, and where in its document. */
export interface SchemaFault {
  readonly pointer: string
  readonly message: string
  /** A reference to a definition that is not there: what it names. */
  readonly missing?: string
}

/**
 * What keeps the schemas of a block from being used. `isExamined`: whether patterns are looked at that could run for ever elsewhere.
 * Those that were accepted once are not.
 */
export async function schemaFaults(block: JsonObject, { isExamined }: { readonly isExamined: boolean }): Promise<SchemaFault[]> {
  const roots = rootsOf(block)
  const isSchema = await checkOfSchemas()
  const malformed = roots.flatMap(({ schema, pointer }) => isSchema(schema).map((problem) => malformedFault(problem, pointer)))
  // What is no schema cannot be looked through for the rest.
  if (malformed.length > 0) return malformed
  const all = new Map(roots.flatMap((root) => [...allSchemas(root)].map((one) => [one.pointer, one] as const)))
  const faults = [...all.values()].flatMap((one) => referenceFaults(one, all))
  if (faults.length > 0) return faults
  return [...circles(all), ...(await patternFaults([...all.values()], isExamined))]
}

const TYPES = 'string, number, integer, boolean, object, array or null'

/** The schema of schemas says `anyOf` of the most frequent mistake: a type that is none. */
function malformedFault({ path, message }: SchemaProblem, pointer: string): SchemaFault {
  const at = pointer + path
  const isType = pointerParts(path).at(-1) === 'type'
  return { pointer: at, message: isType ? `a type is one of ${TYPES}, or a list of them` : `no JSON Schema: ${message}` }
}

function referenceFaults({ schema, pointer }: Subschema, all: ReadonlyMap<string, Subschema>): SchemaFault[] {
  if (!isJsonObject(schema)) return []
  const faults: SchemaFault[] = []
  const refuse = (keyword: string, message: string) => faults.push({ pointer: pointerTo(pointer, keyword), message })
  if (schema['$id'] !== undefined)
    refuse('$id', 'a schema of a playbook has no id of its own: name it in $defs, and write $ref: "#/$defs/name"')
  if (schema['$schema'] !== undefined && schema['$schema'] !== DIALECT)
    refuse('$schema', `only draft 2020-12 is read: ${DIALECT}, or nothing`)
  for (const keyword of ['$ref', '$dynamicRef']) {
    const reference = schema[keyword]
    if (typeof reference !== 'string' || targetOf(reference, all) !== null) continue
    if (reference.startsWith('#')) {
      const missing = /^#\/\$defs\/([^/]+)$/.exec(reference)?.[1]
      const message = `${reference.slice(0, 200)} leads to no schema`
      faults.push({ pointer: pointerTo(pointer, keyword), message, ...(missing ? { missing } : {}) })
    } else
      refuse(keyword, `${reference.slice(0, 200)} is not in this playbook: only references such as "#/$defs/name" are followed`)
  }
  return faults
}

/** The schema that a reference leads to. */
function targetOf(reference: string, all: ReadonlyMap<string, Subschema>): Subschema | null {
  if (!reference.startsWith('#')) return null
  const fragment = decoded(reference.slice(1))
  if (fragment === null) return null
  if (fragment.startsWith('/')) return all.get(fragment) ?? null
  const isNamed = ({ schema }: Subschema) =>
    isJsonObject(schema) && [schema['$anchor'], schema['$dynamicAnchor']].includes(fragment)
  return fragment === '' ? null : ([...all.values()].find(isNamed) ?? null)
}

function decoded(fragment: string): string | null {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return null
  }
}

/** Schemas that lead back to themselves without going into the value: checking anything by them would never end. */
function circles(all: ReadonlyMap<string, Subschema>): SchemaFault[] {
  const faults: SchemaFault[] = []
  const done = new Set<string>()
  const onWay: string[] = []
  const visit = (one: Subschema): void => {
    const { pointer } = one
    if (done.has(pointer)) return
    onWay.push(pointer)
    for (const { next, at } of inPlace(one, all)) {
      const since = onWay.indexOf(next.pointer)
      if (since < 0) visit(next)
      else faults.push({ pointer: at, message: `leads back to itself: ${[...onWay.slice(since), next.pointer].join(' -> ')}` })
    }
    onWay.pop()
    done.add(pointer)
  }
  for (const one of all.values()) visit(one)
  return faults
}

function inPlace(one: Subschema, all: ReadonlyMap<string, Subschema>): { readonly next: Subschema; readonly at: string }[] {
  const inner = [...innerSchemas(one)].filter(({ isInPlace }) => isInPlace).map((next) => ({ next, at: next.pointer }))
  const { schema, pointer } = one
  const references = ['$ref', '$dynamicRef'].flatMap((keyword) => {
    const reference = isJsonObject(schema) ? schema[keyword] : undefined
    const next = typeof reference === 'string' ? targetOf(reference, all) : null
    return next ? [{ next, at: pointerTo(pointer, keyword) }] : []
  })
  return [...inner, ...references]
}

async function patternFaults(all: readonly Subschema[], isExamined: boolean): Promise<SchemaFault[]> {
  const patterns = all.flatMap(patternsOf).map((one) => ({ ...one, message: patternFault(one.source) }))
  const sources = patterns.filter(({ message }) => message === null).map(({ source }) => source)
  const endless = isExamined ? await findEndless(sources) : new Set<string>()
  return patterns.flatMap(({ source, pointer, message: fault }) => {
    const message = fault ?? (endless.has(source) ? ENDLESS : null)
    return message === null ? [] : [{ pointer, message }]
  })
}

function patternsOf({ schema, pointer }: Subschema): { readonly source: string; readonly pointer: string }[] {
  if (!isJsonObject(schema)) return []
  const { pattern, patternProperties } = schema
  const own = typeof pattern === 'string' ? [{ source: pattern, pointer: pointerTo(pointer, 'pattern') }] : []
  const named = Object.keys(isJsonObject(patternProperties) ? patternProperties : {})
  const at = pointerTo(pointer, 'patternProperties')
  return [...own, ...named.map((source) => ({ source, pointer: pointerTo(at, source) }))]
}
