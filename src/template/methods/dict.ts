import { fail } from '../faults.js'
import { type OperationTable, operation, rawOperation } from '../operations.js'
import { chargeSteps, type Run } from '../run.js'
import { dictFrom, dictSet, itemTuples, iterate, mappingEntries, mappingGet, mutableDict } from '../values/access.js'
import { hashKey } from '../values/keys.js'
import { type Dict, isMapping, type PlainObject, Sequence, tuple, typeName, type Value } from '../values/values.js'

function mapping(subject: Value): PlainObject | Dict {
  return isMapping(subject) ? subject : fail(`a dict is needed, not ${typeName(subject)}`)
}

/** Methods of dicts. One that changes a dict of the context changes a copy, which only this evaluation sees. */
export const dictMethods: OperationTable = {
  get: operation(['key', 'default?'], (run, subject, key, otherwise) => {
    const found = mappingGet(run, mapping(subject), key as Value)
    return found === undefined ? (otherwise ?? null) : found
  }),
  keys: operation(
    [],
    (run, subject) =>
      new Sequence(
        'dict_keys',
        mappingEntries(run, mapping(subject)).map(([key]) => key),
      ),
  ),
  values: operation(
    [],
    (run, subject) =>
      new Sequence(
        'dict_values',
        mappingEntries(run, mapping(subject)).map(([, value]) => value),
      ),
  ),
  items: operation([], (run, subject) => new Sequence('dict_items', itemTuples(run, mapping(subject)))),
  copy: operation([], (run, subject) => dictFrom(run, mappingEntries(run, mapping(subject)))),
  pop: operation(['key', 'default?'], (run, subject, key, otherwise) => {
    const dict = mutableDict(run, mapping(subject))
    const hash = hashKey(run, key as Value)
    const entry = dict.entries.get(hash)
    dict.entries.delete(hash)
    if (entry !== undefined) return entry[1]
    return otherwise === undefined ? fail('pop: the key is not there') : otherwise
  }),
  popitem: operation([], (run, subject) => {
    const dict = mutableDict(run, mapping(subject))
    chargeSteps(run, dict.entries.size / 8)
    const entry = [...dict.entries.values()].at(-1)
    if (entry === undefined) return fail('popitem: the dict is empty')
    dict.entries.delete(hashKey(run, entry[0]))
    return tuple(...entry)
  }),
  setdefault: operation(['key', 'default?'], (run, subject, key, otherwise) => {
    const found = mappingGet(run, mapping(subject), key as Value)
    if (found !== undefined) return found
    dictSet(run, mutableDict(run, mapping(subject)), key as Value, otherwise ?? null)
    return otherwise ?? null
  }),
  update: rawOperation(['*', '**'], (run, subject, { positional, keywords }) => {
    const dict = mutableDict(run, mapping(subject))
    for (const [key, value] of [...pairs(run, positional[0]), ...keywords]) dictSet(run, dict, key, value)
    return null
  }),
  clear: operation([], (run, subject) => {
    mutableDict(run, mapping(subject)).entries.clear()
    return null
  }),
  fromkeys: operation(['keys', 'value?'], (run, _, keys, value) =>
    dictFrom(
      run,
      iterate(run, keys as Value).map((key) => [key, value ?? null] as const),
    ),
  ),
}

function pairs(run: Run, source: Value | undefined): readonly (readonly [Value, Value])[] {
  if (source === undefined) return []
  if (isMapping(source)) return mappingEntries(run, source)
  return iterate(run, source).map((pair) => {
    const [key, value] = iterate(run, pair)
    return key === undefined || value === undefined ? fail('update needs pairs') : ([key, value] as const)
  })
}
