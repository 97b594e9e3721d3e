import { fail } from './faults.js'
import { bindArguments, type CallArguments, type Operation, type OperationTable, operation, rawOperation } from './operations.js'
import { chargeItems, type Run } from './run.js'
import { dictFrom, iterate, mappingEntries } from './values/access.js'
import { requireInteger } from './values/numbers.js'
import { Callable, type Dict, Instance, isMapping, Namespace, Sequence, type Value } from './values/values.js'

const table: OperationTable = {
  range: operation(['start', 'stop?', 'step?'], (run, _, start, stop, step) => range(run, start as Value, { stop, step })),
  dict: rawOperation(['*', '**'], (run, _, bound) => dict(run, bound)),
  namespace: rawOperation(['*', '**'], (run, _, bound) => {
    const namespace = new Namespace()
    for (const [key, value] of mappingEntries(run, dict(run, bound)))
      if (typeof key === 'string') namespace.values.set(key, value)
    return namespace
  }),
  now: operation([], (run) => run.context.now().toISOString()),
  cycler: rawOperation(['*'], (_, __, { positional }) => cycler(positional)),
  joiner: operation(['sep?'], (_, __, separator) => joiner(separator ?? ', ')),
}

function range(run: Run, start: Value, rest: { readonly stop: Value | undefined; readonly step: Value | undefined }): Value {
  const [from, to] =
    rest.stop === undefined
      ? [0, requireInteger(start, 'range')]
      : [requireInteger(start, 'range'), requireInteger(rest.stop, 'range')]
  const step = rest.step === undefined ? 1 : requireInteger(rest.step, 'range')
  if (step === 0) fail('range: the step cannot be zero')
  const length = Math.max(0, Math.ceil((to - from) / step))
  chargeItems(run, length)
  const items = Array.from({ length }, (_, index) => from + index * step)
  return new Sequence('range', items, { start: from, stop: to, step })
}

function dict(run: Run, { positional, keywords }: CallArguments): Dict {
  const [source, ...others] = positional
  if (others.length > 0) fail('dict takes one value and named ones')
  const entries: (readonly [Value, Value])[] = []
  if (source !== undefined)
    entries.push(...(isMapping(source) ? mappingEntries(run, source) : iterate(run, source).map((pair) => pairOf(run, pair))))
  return dictFrom(run, [...entries, ...keywords])
}

function pairOf(run: Run, pair: Value): readonly [Value, Value] {
  const [key, value, ...more] = iterate(run, pair)
  return key === undefined || value === undefined || more.length > 0 ? fail('dict needs pairs') : [key, value]
}

function cycler(values: readonly Value[]): Instance {
  if (values.length === 0) fail('cycler needs at least one value')
  let index = 0
  const current = (): Value => values[index] as Value
  const next = new Callable('next', () => {
    const value = current()
    index = (index + 1) % values.length
    return value
  })
  const reset = new Callable('reset', () => {
    index = 0
    return null
  })
  return new Instance(
    'cycler',
    new Map([['current', current]]),
    new Map([
      ['next', next],
      ['reset', reset],
    ]),
  )
}

function joiner(separator: Value): Instance {
  let isFirst = true
  const self = new Callable('joiner', () => {
    const text = isFirst ? '' : separator
    isFirst = false
    return text
  })
  return new Instance('joiner', new Map(), new Map(), self)
}

const callables = new Map(Object.entries(table).map(([name, entry]) => [name, callable(name, entry)]))

function callable(name: string, entry: Operation): Callable {
  return new Callable(name, (run, given) => entry.call(run, null, bindArguments(name, entry.parameters, given)))
}

/** A global function of Jinja2, or `now`. */
export function findFunction(name: string): Callable | undefined {
  return callables.get(name)
}
