import { isDeepStrictEqual } from 'node:util'

export type Match = unknown

interface Rules {
  readonly type?: string
  readonly gte?: number
  readonly lte?: number
  readonly instant?: string
  readonly any_of?: readonly unknown[]
  readonly not_null?: boolean
}

const ISO_8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/

const TYPES: Record<string, (value: unknown) => boolean> = {
  iso8601: (value) => typeof value === 'string' && ISO_8601.test(value) && !Number.isNaN(Date.parse(value)),
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: Array.isArray,
}

/** Why a value is not what was expected, or null. An object `{match: {...}}` inside `expected` states rules instead of a value. */
export function matchFault(expected: Match, actual: unknown, path = ''): string | null {
  const at = path === '' ? '' : `at ${path}: `
  if (isRules(expected)) {
    const fault = rulesFault(expected.match, actual)
    return fault === null ? null : `${at}${fault}`
  }
  if (Array.isArray(expected) && Array.isArray(actual) && expected.length === actual.length) {
    return firstFault(expected.map((item, index) => matchFault(item, actual[index], `${path}/${index}`)))
  }
  if (isPlainObject(expected) && isPlainObject(actual)) {
    const keys = [...new Set([...Object.keys(expected), ...Object.keys(actual)])]
    return firstFault(
      keys.map((key) => {
        if (!Object.hasOwn(actual, key)) return `${at}key "${key}" is missing`
        if (!Object.hasOwn(expected, key)) return `${at}key "${key}" is not expected (${show(actual[key])})`
        return matchFault(expected[key], actual[key], `${path}/${key}`)
      }),
    )
  }
  return isDeepStrictEqual(expected, actual) ? null : `${at}expected ${show(expected)}, got ${show(actual)}`
}

function rulesFault(rules: Rules, actual: unknown): string | null {
  const isOfType = rules.type === undefined ? undefined : TYPES[rules.type]
  if (rules.type !== undefined && isOfType === undefined) return `the rule type "${rules.type}" is unknown`
  if (isOfType?.(actual) === false) return `expected type ${rules.type}, got ${show(actual)}`
  if (rules.not_null === true && (actual === null || actual === undefined)) return 'expected a value, got null'
  if (rules.gte !== undefined && !(Number(actual) >= rules.gte)) return `expected at least ${rules.gte}, got ${show(actual)}`
  if (rules.lte !== undefined && !(Number(actual) <= rules.lte)) return `expected at most ${rules.lte}, got ${show(actual)}`
  if (rules.instant !== undefined && Date.parse(rules.instant) !== Date.parse(String(actual))) {
    return `expected the instant ${rules.instant}, got ${show(actual)}`
  }
  if (rules.any_of?.every((choice) => matchFault(choice, actual) !== null)) {
    return `expected one of ${show(rules.any_of)}, got ${show(actual)}`
  }
  return null
}

function isRules(value: unknown): value is { match: Rules } {
  return isPlainObject(value) && isPlainObject(value['match']) && Object.keys(value).length === 1
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function firstFault(faults: readonly (string | null)[]): string | null {
  return faults.find((fault) => fault !== null) ?? null
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}
