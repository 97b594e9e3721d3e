import { fail } from '../faults.js'
import {
  type BoundArguments,
  bindArguments,
  type CallArguments,
  findOperation,
  type Operation,
  type OperationTable,
  rawOperation,
  type Tables,
} from '../operations.js'
import { chargeSteps, type Run } from '../run.js'
import { nearestName } from '../suggest.js'
import { iterate } from '../values/access.js'
import { attributeGetter } from '../values/attributes.js'
import { isTrue } from '../values/compare.js'
import { Sequence, typeName, unwrap, type Value } from '../values/values.js'

/** Applies a filter or test that is named by a value. */
function applied(
  run: Run,
  table: OperationTable,
  call: { readonly kind: string; readonly name: Value; readonly given: CallArguments },
): (value: Value) => Value {
  const { name } = call
  const found: Operation | undefined = typeof name === 'string' ? findOperation(table, name) : undefined
  if (found === undefined) return fail(unknown(call.kind, name, table))
  const bound = bindArguments(String(name), found.parameters, call.given)
  return (value) => {
    chargeSteps(run, 1)
    return found.call(run, value, bound)
  }
}

function unknown(kind: string, name: Value, table: OperationTable): string {
  if (typeof name !== 'string') return `a ${kind} is named by a text, not by ${typeName(name)}`
  const near = nearestName(name, Object.keys(table))
  return `unknown ${kind} "${name.slice(0, 40)}"${near === null ? '' : ` (did you mean ${near}?)`}`
}

interface Choice {
  readonly tables: () => Tables
  readonly isKeeping: boolean
  readonly hasAttribute: boolean
}

function choosing({ tables, isKeeping, hasAttribute }: Choice): Operation {
  return rawOperation(['*', '**'], (run, value, bound) => {
    if (!isTrue(run, value)) return new Sequence('generator', [])
    const [first, ...others] = bound.positional
    if (hasAttribute && first === undefined) return fail('the name of an attribute is missing')
    const get = hasAttribute ? attributeGetter(run, first as Value) : unwrap
    const rest = hasAttribute ? others : bound.positional
    const [name, ...positional] = rest
    const test =
      name === undefined
        ? (item: Value): Value => isTrue(run, item)
        : applied(run, tables().tests, { kind: 'test', name, given: { positional, keywords: bound.keywords } })
    return new Sequence(
      'generator',
      iterate(run, value).filter((item) => isTrue(run, test(get(item))) === isKeeping),
    )
  })
}

function map(run: Run, value: Value, bound: BoundArguments & { readonly tables: () => Tables }): Value {
  const [name, ...positional] = bound.positional
  if (!isTrue(run, value)) return new Sequence('generator', [])
  const items = iterate(run, value)
  const attribute = bound.keywords.get('attribute')
  if (name === undefined && attribute !== undefined) {
    for (const key of bound.keywords.keys()) if (key !== 'attribute' && key !== 'default') fail(`map has no argument "${key}"`)
    return new Sequence('generator', items.map(attributeGetter(run, attribute, bound.keywords.get('default') ?? undefined)))
  }
  if (name === undefined) return fail('map needs a filter or an attribute')
  return new Sequence(
    'generator',
    items.map(applied(run, bound.tables().filters, { kind: 'filter', name, given: { positional, keywords: bound.keywords } })),
  )
}

/** Filters that apply another filter or a test to every item. */
export function createSelectFilters(tables: () => Tables): OperationTable {
  return {
    map: rawOperation(['*', '**'], (run, value, bound) => map(run, value, { ...bound, tables })),
    select: choosing({ tables, isKeeping: true, hasAttribute: false }),
    reject: choosing({ tables, isKeeping: false, hasAttribute: false }),
    selectattr: choosing({ tables, isKeeping: true, hasAttribute: true }),
    rejectattr: choosing({ tables, isKeeping: false, hasAttribute: true }),
  }
}
