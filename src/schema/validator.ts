import '@hyperjump/json-schema/draft-2020-12'
import {
  buildSchemaDocument,
  type EvaluationPlugin,
  getSchema,
  interpret,
  Validation,
  type ValidationContext,
} from '@hyperjump/json-schema/experimental'
import { cons, type JsonNode } from '@hyperjump/json-schema/instance/experimental'
import { isJsonNumber, isJsonObject, type JsonValue } from '../core/json.js'
import { installKeywords } from './keywords.js'
import { describeFailure } from './messages.js'
import { MAX_PROBLEMS, pointerParts, pointerTo, type SchemaCheck, type SchemaProblem } from './problem.js'

export const DIALECT = 'https://json-schema.org/draft/2020-12/schema'

/** Schemas that one value may be looked at by, all in all: a few that lead to each other could multiply for hours. */
const MAX_EVALUATIONS = 1_000_000

installKeywords()

type Library = Parameters<typeof getSchema>[1]
type Ast = Parameters<typeof Validation.compile>[1]
type Json = Parameters<typeof cons>[2]

/** Compiled schemas of one document: checks of them by pointer, made as they are asked for. */
export interface CompiledDocument {
  /** @throws Error for what only a schema that was not looked through has: a reference that leads nowhere, a pattern that is none */
  checkAt(pointer: string): Promise<SchemaCheck>
}

const BASE = 'urn:transient:schema'

/**
 * A document of schemas, as `encodeSchema` made it. A reference leads to a place in it, or to the schema of schemas. It is interpreted: no
 * code is generated.
 */
export function openDocument(document: JsonValue): CompiledDocument {
  const built = buildSchemaDocument(document as Parameters<typeof buildSchemaDocument>[0], BASE, DIALECT)
  // The library's registry is for everybody and for ever: this document is known here alone.
  const known = { _cache: { [built.baseUri]: built } } as unknown as Library
  const ast: Ast = { metaData: {}, plugins: new Set() } as unknown as Ast
  return { checkAt: (pointer) => compileAt(`${built.baseUri}#${encodeURI(pointer)}`, ast, known) }
}

let metaCheck: Promise<SchemaCheck> | null = null

/** Checks whether a value is a schema. */
export function checkOfSchemas(): Promise<SchemaCheck> {
  metaCheck ??= compileAt(DIALECT, { metaData: {}, plugins: new Set() } as unknown as Ast)
  return metaCheck
}

async function compileAt(uri: string, ast: Ast, known?: Library): Promise<SchemaCheck> {
  const schema = await getSchema(uri, known)
  const compiled = { ast, schemaUri: await Validation.compile(schema, ast, schema) }
  return (value) => {
    const collector = new Collector()
    try {
      const { valid } = interpret(compiled, nodeOf(value, ''), { outputFormat: 'FLAG', plugins: [collector] })
      return valid ? [] : collector.problems()
    } catch (error) {
      // Schemas that lead to each other may do so more often than the stack is deep.
      if (!(error instanceof TooManyEvaluations || error instanceof RangeError)) throw error
      return [
        { path: '', keyword: '', message: 'checking this by its schema takes too long: the schema leads to itself too often' },
      ]
    }
  }
}

class TooManyEvaluations extends Error {}

interface Found {
  readonly path: string
  readonly keyword: string
  readonly given: unknown
  readonly instance: JsonNode
}

interface Collecting extends ValidationContext {
  found?: Found[]
}

/** `false` in the place of a schema: the keyword that it stands under says so. */
const NOTHING_FITS = ''

/** Collects what failed, innermost first, and counts. */
class Collector implements EvaluationPlugin<Collecting> {
  private evaluations = 0
  private root: Found[] = []

  beforeSchema(): void {
    this.evaluations += 1
    if (this.evaluations > MAX_EVALUATIONS) throw new TooManyEvaluations()
  }

  afterKeyword(...[[, uri, given], instance, context, isValid, schemaContext, { simpleApplicator }]: AfterKeyword): void {
    if (isValid) return
    schemaContext.found ??= []
    const keyword = pointerParts(decodeURI(uri.slice(uri.indexOf('#') + 1))).at(-1) ?? ''
    const inside = context.found ?? []
    if (!simpleApplicator || inside.length === 0) schemaContext.found.push({ path: pathOf(instance), keyword, given, instance })
    else for (const one of inside) schemaContext.found.push(one.keyword === NOTHING_FITS ? { ...one, keyword } : one)
  }

  afterSchema(url: string, instance: JsonNode, context: Collecting, isValid: boolean): void {
    const isBare = !isValid && typeof context.ast[url] === 'boolean'
    if (isBare) {
      context.found ??= []
      context.found.push({ path: pathOf(instance), keyword: NOTHING_FITS, given: false, instance })
    }
    this.root = context.found ?? []
  }

  problems(): SchemaProblem[] {
    const problems = new Map<string, SchemaProblem>()
    for (const { path, keyword, given, instance } of this.root) {
      if (problems.size === MAX_PROBLEMS) break
      const message = describeFailure(keyword, given, instance)
      problems.set(`${path} ${message}`, { path, keyword: keyword === NOTHING_FITS ? 'false' : keyword, message })
    }
    return [...problems.values()]
  }
}

type AfterKeyword = Parameters<NonNullable<EvaluationPlugin<Collecting>['afterKeyword']>>

/** A key has the place of its property, with a star before it. */
function pathOf({ pointer }: JsonNode): string {
  return pointer.startsWith('*') ? pointer.slice(1) : pointer
}

/** The value as the library walks through it; it knows numbers as JavaScript has them alone, ours are left to our keywords. */
function nodeOf(value: JsonValue, pointer: string, parent?: JsonNode): JsonNode {
  const make = (type: JsonNode['type'], children: JsonNode[] = []) => cons('', pointer, value as Json, type, children, parent)
  if (value === null) return make('null')
  if (isJsonNumber(value)) return make('number')
  if (Array.isArray(value)) {
    const list = make('array')
    list.children = value.map((item, index) => nodeOf(item, pointerTo(pointer, index), list))
    return list
  }
  if (!isJsonObject(value)) return make(typeof value === 'string' ? 'string' : 'boolean')
  const object = make('object')
  object.children = Object.entries(value).map(([name, item]) => {
    const at = pointerTo(pointer, name)
    const property = cons('', at, undefined, 'property', [], object)
    property.children = [cons('', `*${at}`, name, 'string', [], property), nodeOf(item, at, property)]
    return property
  })
  return object
}
