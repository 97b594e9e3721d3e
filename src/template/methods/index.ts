import { findOperation, type Operation, type OperationTable } from '../operations.js'
import { isList, isMapping, Sequence, type Value } from '../values/values.js'
import { dictMethods } from './dict.js'
import { listMethods, tupleMethods } from './list.js'
import { stringMethods } from './string.js'

function tableOf(value: Value): OperationTable | null {
  if (typeof value === 'string') return stringMethods
  if (isList(value)) return listMethods
  if (value instanceof Sequence) return tupleMethods
  return isMapping(value) ? dictMethods : null
}

/** A method of a value's type, for a call; methods are never values. */
export function findMethod(value: Value, name: string): Operation | undefined {
  const table = tableOf(value)
  return table === null ? undefined : findOperation(table, name)
}

/** The hint for a method that is read without a call. */
export function methodHint(value: Value, name: string): string {
  return findMethod(value, name) === undefined ? '' : ` ("${name}" is a method: call it with "${name}()")`
}
