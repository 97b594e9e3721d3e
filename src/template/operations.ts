import { fail } from './faults.js'
import type { Run } from './run.js'
import type { CallArguments, Value } from './values/values.js'

export type { CallArguments } from './values/values.js'

/** Arguments in the order of the parameters; undefined where one was not given. */
export interface BoundArguments extends CallArguments {
  readonly args: readonly (Value | undefined)[]
}

/** A filter, test, method or global function: pure except for charging the run's budgets. */
export interface Operation {
  /** `name` is required, `name?` optional, `*` takes the rest, `**` any keyword. */
  readonly parameters: readonly string[]
  call(run: Run, subject: Value, bound: BoundArguments): Value
}

export type OperationTable = Readonly<Record<string, Operation>>

export interface Tables {
  readonly filters: OperationTable
  readonly tests: OperationTable
}

export const NO_ARGUMENTS: CallArguments = { positional: [], keywords: new Map() }

/** Declares an operation whose arguments come in the order of its parameters. */
export function operation(
  parameters: readonly string[],
  apply: (run: Run, subject: Value, ...args: (Value | undefined)[]) => Value,
): Operation {
  return { parameters, call: (run, subject, bound) => apply(run, subject, ...bound.args) }
}

/** Declares an operation that looks at its arguments as they were given. */
export function rawOperation(
  parameters: readonly string[],
  call: (run: Run, subject: Value, bound: BoundArguments) => Value,
): Operation {
  return { parameters, call }
}

/** Finds an own entry of a table; a table's prototype is never looked at. */
export function findOperation(table: OperationTable, name: string): Operation | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/** Puts arguments in the order of the parameters, as Python would. */
export function bindArguments(name: string, parameters: readonly string[], given: CallArguments): BoundArguments {
  const named = parameters.filter((parameter) => !parameter.startsWith('*'))
  const takesRest = parameters.includes('*')
  const takesKeywords = parameters.includes('**')
  if (given.positional.length > named.length && !takesRest) {
    fail(`${name} takes at most ${named.length} argument${named.length === 1 ? '' : 's'}, ${given.positional.length} given`)
  }
  const args: (Value | undefined)[] = named.map((parameter, index) => {
    const key = parameter.replace('?', '')
    const keyword = given.keywords.get(key)
    if (index < given.positional.length) {
      if (keyword !== undefined && !takesKeywords) fail(`${name} got two values for "${key}"`)
      return given.positional[index]
    }
    if (keyword === undefined && !parameter.endsWith('?')) fail(`${name} misses the argument "${key}"`)
    return keyword
  })
  if (given.keywords.size > 0 && !takesKeywords) {
    for (const key of given.keywords.keys()) {
      if (!named.some((parameter) => parameter.replace('?', '') === key)) fail(`${name} has no argument "${key}"`)
    }
  }
  return { args, positional: given.positional, keywords: given.keywords }
}
