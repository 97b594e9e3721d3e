import { Big } from 'big.js'
import { TransientError } from '../core/errors.js'
import { isJsonNumber, type JsonValue, type LosslessNumber, numberText } from '../core/json.js'
import { storableNumber, type VariableWrite } from './record.js'

/** What refuses a change set because of what a variable is. */
export function refused(name: string, why: string): TransientError {
  return new TransientError('VALIDATION', `${name}: ${why}`, { details: { field: 'name', name } })
}

const MAX_TTL = 2 ** 31 - 1

/** For how many seconds a write keeps its variable; null: for ever. @throws TransientError VALIDATION */
export function ttlOf(write: VariableWrite): number | null {
  const ttl = write.operation === 'set' ? write.ttl : undefined
  if (ttl === undefined) return null
  if (Number.isSafeInteger(ttl) && ttl >= 1 && ttl <= MAX_TTL) return ttl
  throw new TransientError('VALIDATION', `ttl of ${write.name}: ${ttl} is not a whole number of seconds from 1 to ${MAX_TTL}`, {
    details: { field: 'ttl', name: write.name },
  })
}

type Write<Operation> = Extract<VariableWrite, { operation: Operation }>

/** The sum; what is not there counts as 0. @throws TransientError VALIDATION where one of the two is no number */
export function incremented({ name, by }: Write<'increment'>, base: JsonValue = 0): number | LosslessNumber {
  if (!isJsonNumber(base)) throw refused(name, 'its value is no number, it cannot be incremented')
  return storableNumber(addDecimals(numberText(base), numberText(storableNumber(by, 'by'))), `value of ${name}`)
}

/** The list with one more element; what is not there counts as an empty one. @throws TransientError VALIDATION where it is no list */
export function appended({ name, value }: Write<'append'>, list: JsonValue | undefined): JsonValue {
  if (list === undefined) return [value]
  if (!Array.isArray(list)) throw refused(name, 'its value is no list, nothing can be appended to it')
  return [...list, value]
}

/** The exact sum, with the digits after the point that the longer one has, as PostgreSQL's numeric gives it. */
export function addDecimals(left: string, right: string): string {
  const scale = Math.max(fractionDigits(left), fractionDigits(right))
  return new Big(left).plus(right).toFixed(scale)
}

function fractionDigits(text: string): number {
  const point = text.indexOf('.')
  return point < 0 ? 0 : text.length - point - 1
}
