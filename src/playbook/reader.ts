import { isAlias, isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml'
import type { JsonObject, JsonValue } from '../core/json.js'
import { featureAdvice, synonymOf } from './features.js'
import type { ProblemSeverity } from './model.js'
import type { ProblemLog } from './problems.js'
import { readPlain } from './scalars.js'
import { didYouMean } from './suggest.js'
import type { UnquotedTemplate } from './unquoted.js'

/** What every reader shares about the source it reads. */
export interface Source {
  readonly log: ProblemLog
  readonly text: string
  /** Whether it was registered before: then rules that came later only warn, so that what runs goes on. */
  readonly isRegistered: boolean
  /** Templates that YAML reads as mappings, by the position of their brace: reported, and read as the texts that were meant. */
  readonly unquoted: ReadonlyMap<number, UnquotedTemplate>
  /** Every alias and the node it stands for, as `checkTree` found them. */
  readonly aliases: Map<Node, Node>
  /** Every assignment of a variable that was read, in the order in which they stand. */
  readonly assignments: Field[]
  /** Forms of waits. */
  readonly forms: Cursor[]
}

/** A value of the document and where it stands. */
export interface Cursor {
  readonly source: Source
  /** null where there is nothing. Never an alias. */
  readonly node: Node | null
  readonly path: string
  readonly offset: number
}

export interface Field {
  readonly name: string
  readonly keyOffset: number
  readonly value: Cursor
}

export type Fields = ReadonlyMap<string, Field>

export type ValueKind = 'mapping' | 'list' | 'string' | 'number' | 'boolean' | 'null'

/** Adds a problem at a value. */
export function report(at: Cursor, message: string, severity: ProblemSeverity = 'error'): void {
  at.source.log.add({ message, path: at.path, offset: at.offset, severity })
}

/** Adds what is an error of every new playbook, and a warning of one that was registered when it was none. */
export function refuse(at: Cursor, message: string): void {
  report(at, message, at.source.isRegistered ? 'warning' : 'error')
}

/** Adds a problem at a key. */
export function reportKey(field: Field, message: string, severity: ProblemSeverity = 'error'): void {
  field.value.source.log.add({ message, path: field.value.path, offset: field.keyOffset, severity })
}

export function kindOf({ node }: Cursor): ValueKind {
  if (node === null) return 'null'
  if (isMap(node)) return 'mapping'
  if (isSeq(node)) return 'list'
  const value = isScalar(node) ? scalarValue(node) : null
  if (value === null || value === undefined) return 'null'
  return typeof value === 'object' ? 'number' : (typeof value as 'string' | 'number' | 'boolean')
}

/** "a list", for messages. */
export function describeKind(cursor: Cursor): string {
  const kind = kindOf(cursor)
  return kind === 'null' ? 'nothing' : kind === 'string' ? 'a text' : `a ${kind}`
}

export function isEmpty(cursor: Cursor): boolean {
  return kindOf(cursor) === 'null'
}

/** A scalar's value under YAML 1.2; `undefined` for numbers that JSON does not have. */
export function scalarValue(node: Scalar): JsonValue | undefined {
  const isText = node.tag === undefined ? node.type !== undefined && node.type !== 'PLAIN' : node.tag.endsWith(':str')
  if (isText) return String(node.value)
  return readPlain(node.source ?? '')
}

/** The text of a mapping's key as it is written; null for keys that are no scalars. */
export function keyText(key: unknown): string | null {
  if (!isScalar(key)) return null
  return typeof key.value === 'string' ? key.value : (key.source ?? '')
}

/** Whether a key is `<<`, which merges other mappings into its own, as in YAML 1.1. */
export function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.tag === undefined && key.source === '<<'
}

/**
 * The entries of a mapping, first occurrence first; empty for anything else. What `<<` merges comes first, and gives way to the
 * mapping's own entries; of several mappings to those before.
 */
export function fieldsOf(cursor: Cursor): Fields {
  const own = ownFields(cursor)
  const merged = isMap(cursor.node) ? cursor.node.items.filter((pair) => isMergeKey(pair.key)) : []
  if (merged.length === 0) return own
  const value = cursorAt(cursor.source, {
    node: (merged[0]?.value ?? null) as Node | null,
    path: cursor.path,
    fallback: cursor.offset,
  })
  const sources = isSeq(value.node) ? itemsOf(value) : [value]
  const fields = sources.reverse().flatMap((source) => [...fieldsOf({ ...source, path: cursor.path }).values()])
  return new Map([...fields, ...own.values()].map((field) => [field.name, field]))
}

function ownFields(cursor: Cursor): Fields {
  const fields = new Map<string, Field>()
  if (!isMap(cursor.node)) return fields
  for (const pair of cursor.node.items) {
    if (isMergeKey(pair.key)) continue
    const name = keyText(pair.key)
    if (name === null || fields.has(name)) continue
    const keyOffset = (pair.key as Node).range?.[0] ?? cursor.offset
    const path = cursor.path === '' ? name : `${cursor.path}.${name}`
    fields.set(name, {
      name,
      keyOffset,
      value: cursorAt(cursor.source, { node: pair.value as Node | null, path, fallback: keyOffset }),
    })
  }
  return fields
}

/** The items of a list; empty for anything else. */
export function itemsOf(cursor: Cursor): Cursor[] {
  if (!isSeq(cursor.node)) return []
  return cursor.node.items.map((item, index) =>
    cursorAt(cursor.source, { node: item as Node | null, path: `${cursor.path}[${index}]`, fallback: cursor.offset }),
  )
}

function cursorAt(source: Source, { node, path, fallback }: { node: Node | null; path: string; fallback: number }): Cursor {
  const target = isAlias(node) ? (source.aliases.get(node) ?? null) : node
  const isNothing = target === null || (isScalar(target) && target.type === 'PLAIN' && target.source === '')
  return { source, node: target, path, offset: isNothing ? fallback : (target.range?.[0] ?? fallback) }
}

/** The text of a string scalar, else null. */
export function textOf({ node }: Cursor): string | null {
  if (!isScalar(node)) return null
  const value = scalarValue(node)
  return typeof value === 'string' ? value : null
}

/** The whole value as JSON, every digit kept. */
export function jsonOf(cursor: Cursor): JsonValue {
  const kind = kindOf(cursor)
  if (kind === 'list') return itemsOf(cursor).map(jsonOf)
  if (kind === 'mapping') return objectOf(cursor)
  return isScalar(cursor.node) ? (scalarValue(cursor.node) ?? null) : null
}

/** A mapping as a JSON object; empty for anything else. */
export function objectOf(cursor: Cursor): JsonObject {
  const entries = [...fieldsOf(cursor).values()].map((field): [string, JsonValue] => [field.name, jsonOf(field.value)])
  return Object.fromEntries(entries)
}

/** The field, unless it is missing or empty. */
export function given(fields: Fields, name: string): Field | null {
  const field = fields.get(name)
  return field && !isEmpty(field.value) ? field : null
}

/** Looking for what was meant costs time for every name that the author gave. */
const MAX_HINTS = 100

/** `: did you mean "x"?` among names of the playbook's own, for the first problems of a file. */
export function nearestName(at: Cursor, name: string, known: Iterable<string>): string {
  return at.source.log.count() < MAX_HINTS ? didYouMean(name, known) : ''
}

export interface KnownKeys {
  readonly known: Iterable<string>
  /** What the mapping is, for the message: `a step`, `tool http`. */
  readonly of: string
  /** More to say about an unknown key, instead of the list of known ones. */
  readonly hint?: (name: string) => string | null
}

/** Reports every key that is not known: as a feature we lack, with what was probably meant, or with what is accepted. */
export function checkKeys(fields: Fields, { known, of, hint }: KnownKeys): void {
  const names = new Set(known)
  for (const field of fields.values()) {
    if (names.has(field.name)) continue
    reportKey(field, unknownKey({ name: field.name, names, of, hint: hint?.(field.name) ?? null }))
  }
}

function unknownKey({
  name,
  names,
  of,
  hint,
}: {
  name: string
  names: ReadonlySet<string>
  of: string
  hint: string | null
}): string {
  const shown = name.length > 60 ? `${name.slice(0, 60)}...` : name
  const start = `unknown key "${shown}" in ${of}`
  if (hint) return `${start}: ${hint}`
  const synonym = synonymOf(name, names)
  if (synonym) return `${start}: did you mean "${synonym}"?`
  const advice = featureAdvice(name)
  if (advice) return `${start}: ${advice}`
  return start + (didYouMean(name, names) || `; accepted: ${[...names].join(', ')}`)
}
