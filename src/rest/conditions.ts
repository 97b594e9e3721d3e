import { TransientError } from '../core/errors.js'
import type { VariableStream } from '../variables/stream.js'

/** `*`, or the versions that the header's strong entity tags name. */
type TagList = '*' | readonly number[]

/** The entity tag of a variable: its version. */
export function entityTag(version: number): string {
  return `"${version}"`
}

function badHeader(name: string, accepted: string): TransientError {
  return new TransientError('BAD_REQUEST', `${name}: ${accepted}`, { details: { field: name } })
}

interface TagOptions {
  readonly name: string
  /** `If-None-Match` compares weakly: `W/"3"` matches version 3. `If-Match` never matches a weak tag. */
  readonly isWeak: boolean
}

function parseTags(header: string, { name, isWeak }: TagOptions): TagList {
  const text = header.trim()
  if (text === '*') return '*'
  const tags = [...text.matchAll(/(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/g)]
  if (tags.length === 0 || !/^(?:W\/)?"[^"]*"(?:\s*,\s*(?:W\/)?"[^"]*")*$/.test(text)) {
    throw badHeader(name, 'send an entity tag in quotes as the ETag header gave it, several by comma, or *')
  }
  return tags.flatMap(([, weak, tag]) =>
    /^[1-9]\d{0,14}$/.test(tag ?? '') && (isWeak || weak === undefined) ? [Number(tag)] : [],
  )
}

/** Whether `If-None-Match` of a read names this version. */
export function isNotModified(header: string | undefined, version: number): boolean {
  if (header === undefined) return false
  const tags = parseTags(header, { name: 'If-None-Match', isWeak: true })
  return tags === '*' || tags.includes(version)
}

export interface WriteConditions {
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
}

interface ConditionTarget {
  readonly stream: VariableStream
  readonly names: readonly string[]
}

/**
 * The `expectedVersion` that the headers of a write ask for; undefined without a condition. The write itself compares
 * once more under its lock, so that a change in between is a conflict and never a lost update.
 * @throws TransientError CONFLICT when nothing there can match, BAD_REQUEST when the headers make no sense here
 */
export async function expectedVersion(conditions: WriteConditions, target: ConditionTarget): Promise<number | undefined> {
  const { ifMatch, ifNoneMatch } = conditions
  if (ifMatch !== undefined && ifNoneMatch !== undefined) throw badHeader('If-None-Match', 'send it or If-Match, not both')
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === '*') return 0
    throw badHeader('If-None-Match', 'a write accepts only *, which asks that none of its variables exist')
  }
  if (ifMatch === undefined) return undefined
  const [name, ...others] = target.names
  if (name === undefined || others.length > 0) throw badHeader('If-Match', 'it needs exactly one variable to compare with')
  const tags = parseTags(ifMatch, { name: 'If-Match', isWeak: false })
  if (tags !== '*' && tags.length === 1) return tags[0]
  const current = await target.stream.find(name)
  if (current !== null && (tags === '*' || tags.includes(current.version))) return current.version
  const there = current === null ? 'it does not exist' : `it is at version ${current.version}`
  throw new TransientError('CONFLICT', `${name}: If-Match names another version, but ${there}`, {
    details: { name, currentVersion: current?.version ?? 0, currentValue: current?.value ?? null },
  })
}
