import type { z } from 'zod'
import { isJsonNumber, isJsonObject, type JsonValue } from '../core/json.js'
import type { ToolDefinition } from '../tools/tool.js'
import { type Cursor, describeKind, type Field, fieldsOf, itemsOf, jsonOf, report, reportKey, textOf } from './reader.js'
import { approximate } from './scalars.js'
import { didYouMean, oneOf } from './suggest.js'
import { isTemplate } from './templates.js'

export interface CheckedParameters {
  readonly definition: ToolDefinition
  /** By the schema's own names. */
  readonly chosen: ReadonlyMap<string, Field>
  /** Where a missing parameter is reported. */
  readonly at: Cursor
}

/** Checks parameters against the tool's schema; a template may stand for any value. */
export function checkParameters({ definition, chosen, at }: CheckedParameters): void {
  const { kind, parameters } = definition
  for (const [name, schema] of Object.entries(parameters.shape) as [string, z.ZodType][]) {
    const field = chosen.get(name)
    if (field) checkValue({ field, schema, kind })
    else if (!schema.safeParse(undefined).success) report(at, `${kind} needs "${name}"${otherNames(definition, name)}`)
  }
  const auth = chosen.get('auth')
  if (auth && !Object.hasOwn(parameters.shape, 'auth')) reportKey(auth, `${kind} takes no "auth"`)
}

function otherNames({ aliases }: ToolDefinition, name: string): string {
  const others = Object.keys(aliases).filter((alias) => aliases[alias] === name)
  return others.length === 0 ? '' : ` (or "${others.join('", "')}")`
}

function checkValue({ field, schema, kind }: { field: Field; schema: z.ZodType; kind: string }): void {
  const result = schema.safeParse(plain(jsonOf(field.value)))
  if (result.success) return
  for (const issue of flatten(result.error.issues)) reportIssue({ field, schema, kind, issue })
}

type Issue = z.core.$ZodIssue

/** Of a union the branch that came furthest, so that the fault inside a mapping is named. */
function flatten(issues: readonly Issue[]): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union') return [issue]
    const deepest = issue.errors.find((branch) =>
      branch.some((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'),
    )
    return deepest ? flatten(deepest).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) : [issue]
  })
}

function reportIssue({ field, schema, kind, issue }: { field: Field; schema: z.ZodType; kind: string; issue: Issue }): void {
  const at = cursorAt(field.value, issue.path)
  const text = textOf(at)
  if (text !== null && isTemplate(text)) return
  const name = [field.name, ...issue.path].join('.')
  if (issue.code === 'unrecognized_keys') return reportUnknown({ at, kind, name, issue, schema })
  if (text === '') return report(at, `"${name}" of ${kind} is empty`)
  const words = wordsAt(schema, issue.path)
  if (words.length > 0) return report(at, `"${name}" of ${kind} must be ${oneOf([...words, 'a template'])}`)
  if (issue.path.length === 0) {
    return report(at, `"${name}" of ${kind} must be ${oneOf(acceptedKinds(schema))}, not ${describeKind(at)}`)
  }
  report(at, `"${name}" of ${kind}: ${issue.message}`)
}

function reportUnknown({
  at,
  kind,
  name,
  issue,
  schema,
}: {
  at: Cursor
  kind: string
  name: string
  issue: z.core.$ZodIssueUnrecognizedKeys
  schema: z.ZodType
}): void {
  for (const key of issue.keys) {
    const field = fieldsOf(at).get(key)
    const message = `unknown key "${key.slice(0, 60)}" in "${name}" of ${kind}${didYouMean(key, keysOf(schema))}`
    if (field) reportKey(field, message)
    else report(at, message)
  }
}

interface SchemaParts {
  readonly shape?: Readonly<Record<string, z.ZodType>>
  readonly innerType?: z.ZodType
  readonly options?: readonly z.ZodType[]
  readonly entries?: object
}

function partsOf(schema: z.ZodType): SchemaParts {
  return schema.def as SchemaParts
}

/** The words that an enumeration at a path takes, through unions, optionals and nullables. */
function wordsAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const { shape, innerType, options = [], entries } = partsOf(schema)
  const [head, ...rest] = path
  if (head === undefined && entries) return Object.values(entries).map(String)
  const inside = head === undefined ? undefined : shape?.[String(head)]
  return [
    ...(inside ? wordsAt(inside, rest) : []),
    ...(innerType ? wordsAt(innerType, path) : []),
    ...options.flatMap((option) => wordsAt(option, path)),
  ]
}

/** The keys that any mapping of a schema takes, through unions, optionals and nullables. */
function keysOf(schema: z.ZodType): string[] {
  const { shape, innerType, options } = partsOf(schema)
  return [
    ...Object.keys(shape ?? {}),
    ...(innerType ? keysOf(innerType) : []),
    ...(options ?? []).flatMap((option) => keysOf(option)),
  ]
}

/** What a schema takes, found by trying: its own words would be those of its library. */
function acceptedKinds(schema: z.ZodType): string[] {
  const samples: [string, unknown][] = [
    ['a mapping', {}],
    ['a list', ['x']],
    ['a text', 'x'],
    ['a number', 1],
    ['true or false', true],
    ['a template', '{{ x }}'],
  ]
  const accepted = samples.filter(([, sample]) => schema.safeParse(sample).success).map(([name]) => name)
  const isTextFree = !accepted.includes('a text')
  return accepted.filter((name) => name !== 'a template' || isTextFree)
}

function cursorAt(cursor: Cursor, path: readonly PropertyKey[]): Cursor {
  const [head, ...rest] = path
  if (head === undefined) return cursor
  const next = typeof head === 'number' ? itemsOf(cursor)[head] : fieldsOf(cursor).get(String(head))?.value
  return next ? cursorAt(next, rest) : cursor
}

/** Numbers as JavaScript's, for the schema's eyes only. */
function plain(value: JsonValue): unknown {
  if (isJsonNumber(value)) return approximate(value)
  if (Array.isArray(value)) return value.map(plain)
  if (isJsonObject(value)) return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]))
  return value
}
