import { readFileSync } from 'node:fs'
import { errorMessage } from '../core/errors.js'
import { isJsonObject, type JsonValue, parseGivenJson } from '../core/json.js'

export interface Setting {
  readonly name: string
  readonly fallback: string
  readonly description: string
}

export type Environment = Readonly<Record<string, string | undefined>>

/** Reads settings one by one, and keeps what is wrong with them. */
export type Reader = ReturnType<typeof createReader>

export function createReader(env: Environment, settings: readonly Setting[]) {
  const faults: string[] = []
  const fault = (message: string): void => void faults.push(message)
  const fallbacks = new Map(settings.map(({ name, fallback }) => [name, fallback]))
  const text = (name: string): string => env[name]?.trim() || (fallbacks.get(name) ?? '')

  function number(name: string, isRight: (value: number) => boolean, range: string): number {
    const value = Number(text(name))
    if (!isRight(value)) fault(`${name}: "${text(name)}" is not ${range}`)
    return value
  }

  return {
    faults,
    fault,
    text,
    integer: (name: string, min: number, max: number): number =>
      number(name, (value) => Number.isInteger(value) && value >= min && value <= max, `a whole number from ${min} to ${max}`),
    /** Read in seconds, kept in milliseconds. */
    seconds: (name: string, max: number): number =>
      1000 * number(name, (value) => value > 0 && value <= max, `a number of seconds above 0, up to ${max}`),
    list: (name: string): string[] => listOf(text(name)),
    flag(name: string): boolean {
      if (!['0', '1', 'false', 'true'].includes(text(name))) fault(`${name}: "${text(name)}" is neither 1 nor 0`)
      return text(name) === '1' || text(name) === 'true'
    },
    /** A setting, or the content of the file that `<name>_FILE` names. */
    textOrFile(name: string): string {
      const file = text(`${name}_FILE`)
      if (file === '') return text(name)
      if (env[name]?.trim()) fault(`${name}: set either ${name} or ${name}_FILE, not both`)
      try {
        return readFileSync(file, 'utf8').trim()
      } catch (error) {
        fault(`${name}_FILE: ${file} cannot be read (${errorMessage(error)})`)
        return ''
      }
    },
    object(name: string, source: string): Record<string, JsonValue> {
      try {
        const value = parseGivenJson(source || '{}')
        if (isJsonObject(value)) return value
      } catch {
        // reported below, without the parser's words, which may show a secret
      }
      fault(`${name}: not a JSON object from name to value`)
      return {}
    },
  }
}

/** The parts of a text between commas. */
export const listOf = (text: string): string[] => text.split(',').flatMap((part) => part.trim() || [])
