import { errorMessage } from './errors.js'
import { isLosslessNumber, type JsonValue } from './json.js'

/** What the server stores at most; below what exhausts a stack. */
const MAX_NESTING = 500
/** How much of the way to a value a message names. */
const MAX_PATH = 200
const PLAIN_KEY = /^[\p{L}_$][\p{L}\p{N}_$]*$/u

/** A value of a program is not JSON; the message says where in it, and why. */
export class NotJsonError extends TypeError {
  constructor(path: string, reason: string) {
    super(`${path.length <= MAX_PATH ? path : `${path.slice(0, MAX_PATH)}…`} ${reason}`)
    this.name = 'NotJsonError'
  }
}

/**
 * What a program gave, as plain JSON. Nothing silently becomes something else, as `JSON.stringify` has it with functions,
 * NaN or a Map; only properties that are undefined are left out.
 * @throws NotJsonError that calls the value by `path`
 */
export function toCheckedJson(value: unknown, path: string): JsonValue {
  try {
    return check(value, path, new Set())
  } catch (error) {
    if (error instanceof NotJsonError) throw error
    throw new NotJsonError(path, `cannot be read: ${errorMessage(error)}`)
  }
}

function check(value: unknown, path: string, above: Set<object>): JsonValue {
  if (value === null || typeof value === 'boolean' || typeof value === 'string' || isLosslessNumber(value)) return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (typeof value !== 'object') throw new NotJsonError(path, scalarFault(value))
  if (above.has(value)) throw new NotJsonError(path, 'contains itself')
  if (above.size > MAX_NESTING) throw new NotJsonError(path, `is nested more than ${MAX_NESTING} levels deep`)
  above.add(value)
  const copy = Array.isArray(value)
    ? Array.from(value, (item: unknown, index) => check(item, `${path}[${index}]`, above))
    : checkObject(value, path, above)
  above.delete(value)
  return copy
}

function checkObject(value: object, path: string, above: Set<object>): JsonValue {
  const name = className(value)
  if (name !== null) throw new NotJsonError(path, `is of class ${name}: give a plain object, a list, a text or a number`)
  const copy: [string, JsonValue][] = []
  for (const key of Object.keys(value)) {
    const itsPath = PLAIN_KEY.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
    const item = read(value, key, itsPath)
    if (item !== undefined) copy.push([key, check(item, itsPath, above)])
  }
  return Object.fromEntries(copy)
}

/** @throws NotJsonError when a getter throws */
function read(value: object, key: string, path: string): unknown {
  try {
    return Reflect.get(value, key)
  } catch (error) {
    throw new NotJsonError(path, `cannot be read: ${errorMessage(error)}`)
  }
}

function scalarFault(value: unknown): string {
  if (value === undefined) return 'is undefined: give null'
  if (typeof value === 'number') return `is ${value}: give a finite number, a text or null`
  if (typeof value === 'bigint') return 'is a BigInt: give a number, a LosslessNumber of its digits, or a text'
  return `is a ${typeof value}`
}

/** The name of an object's class; null for a plain object, of whatever realm. */
function className(value: object): string | null {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (typeof prototype !== 'object' || prototype === null || Object.getPrototypeOf(prototype) === null) return null
  const made: unknown = prototype.constructor
  return typeof made === 'function' && made.name !== '' ? made.name : '(no name)'
}
