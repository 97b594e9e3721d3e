import { fail } from '../faults.js'
import { type OperationTable, operation } from '../operations.js'
import { chargeScan } from '../run.js'
import { lengthOf } from '../values/access.js'
import { isTrue } from '../values/compare.js'
import { requireNumeric, toDouble } from '../values/numbers.js'
import { parseFloatText } from '../values/parsing.js'
import { typeName, Undefined } from '../values/values.js'

const length = operation([], (run, value) => lengthOf(run, value) ?? fail(`a ${typeName(value)} has no length`))

const fallback = operation(['default_value?', 'boolean?'], (run, value, otherwise, isFalseToo) => {
  const isMissing = value instanceof Undefined || (isFalseToo !== undefined && isTrue(run, isFalseToo) && !isTrue(run, value))
  return !isMissing ? value : otherwise === undefined ? '' : otherwise
})

/** Python compares with the exact power, which a float may lie just below. */
function isBelow(bytes: number, limit: bigint): boolean {
  return Number.isInteger(bytes) ? BigInt(bytes) < limit : bytes < Number(limit)
}

function fileSize(bytes: number, isBinary: boolean): string {
  const base = isBinary ? 1024 : 1000
  if (bytes === 1) return '1 Byte'
  if (bytes === -Infinity) return fail('filesizeformat: an infinite number is not a size')
  if (bytes < base) return `${BigInt(Math.trunc(bytes))} Bytes`
  const units = isBinary
    ? ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB']
    : ['kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']
  const found = units.findIndex((_, index) => isBelow(bytes, BigInt(base) ** BigInt(index + 2)))
  const index = found < 0 ? units.length - 1 : found
  return `${((base * bytes) / base ** (index + 2)).toFixed(1)} ${units[index]}`
}

/** Filters that hold for any value. */
export const sizeFilters: OperationTable = {
  length,
  count: length,
  default: fallback,
  d: fallback,
  filesizeformat: operation(['binary?'], (run, value, binary) => {
    if (typeof value === 'string') chargeScan(run, value.length)
    const bytes =
      typeof value === 'string'
        ? (parseFloatText(value) ?? fail('filesizeformat needs a number'))
        : toDouble(requireNumeric(value, 'filesizeformat'))
    return fileSize(bytes, binary !== undefined && isTrue(run, binary))
  }),
}
