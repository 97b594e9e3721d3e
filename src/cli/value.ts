import { readFileSync } from 'node:fs'
import { errorMessage } from '../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue, parseGivenJson, RepeatedKey } from '../core/json.js'
import { UsageError } from './exit.js'

const STDIN = 0

/** The text of a file, or of stdin for `-`. */
export function readInput(path: string): string {
  try {
    return readFileSync(path === '-' ? STDIN : path, 'utf8')
  } catch (error) {
    throw new UsageError(`${path === '-' ? 'stdin' : path} cannot be read: ${errorMessage(error)}`)
  }
}

/** A JSON value from an option: JSON itself, `@file`, or `@-` for stdin. */
export function parseValue(text: string, option: string): JsonValue {
  const json = text.startsWith('@') ? readInput(text.slice(1)) : text
  try {
    return parseGivenJson(json)
  } catch (error) {
    if (error instanceof RepeatedKey) throw new UsageError(`${option}: ${error.message}`)
    const hint = text.startsWith('@') ? '' : `; a text needs quotes: ${option} '"${text.slice(0, 20)}"'`
    throw new UsageError(`${option}: not JSON${hint}`)
  }
}

export function parseObject(text: string, option: string): JsonObject {
  const value = parseValue(text, option)
  if (isJsonObject(value)) return value
  throw new UsageError(`${option}: not a JSON object`)
}

/** A whole number from 0 on. */
export function parseCount(text: string, option: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`${option}: "${text}" is not a whole number`)
}

const UNIT_MS = { '': 1000, s: 1000, m: 60_000, h: 3_600_000 } as const

/** `30`, `90s`, `10m` or `2h`, in milliseconds. */
export function parseDuration(text: string, option: string): number {
  const [, number, unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)([smh]?)$/.exec(text) ?? []
  if (number !== undefined) return Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS]
  throw new UsageError(`${option}: "${text}" is no duration such as 30, 90s, 10m or 2h`)
}

export function parseList(text: string): string[] {
  return text.split(',').flatMap((part) => part.trim() || [])
}

/** One of several words, given in any case. */
export function parseWord<Word extends string>(text: string, words: readonly Word[], option: string): Word {
  const word = words.find((candidate) => candidate === text.toLowerCase().replaceAll('-', '_'))
  if (word !== undefined) return word
  throw new UsageError(`${option}: "${text}" is none of ${words.join(', ')}`)
}
