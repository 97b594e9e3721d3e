import type { JsonObject } from '../core/json.js'
import { featureAdvice } from './features.js'
import type { Target, Transition } from './model.js'
import type { ProblemLog } from './problems.js'
import {
  type Cursor,
  checkKeys,
  describeKind,
  type Field,
  type Fields,
  fieldsOf,
  given,
  isEmpty,
  itemsOf,
  kindOf,
  report,
  reportKey,
  textOf,
} from './reader.js'
import { conditionOf, templateMapping } from './templates.js'

/** A target and where it is named, so that an unknown step is reported there. */
export interface NamedTarget {
  readonly step: string
  readonly at: Cursor
}

export interface Routes {
  readonly next: readonly Transition[]
  readonly cases: readonly Transition[] | null
  readonly named: readonly NamedTarget[]
  /** Whether all of it could be read, so that these are all the steps that this one leads to. */
  readonly isComplete: boolean
}

const NEXT_KEYS = ['step', 'when', 'then', 'else', 'args', 'data']
const CASE_KEYS = ['when', 'then', 'else', 'args', 'data']
const TARGET_KEYS = ['step', 'args', 'data']

/** Reads `next` and `case` of a step in any dialect. */
export function readRoutes(fields: Fields, log: ProblemLog): Routes {
  const before = log.errorCount()
  const named: NamedTarget[] = []
  const next = given(fields, 'next')
  const cases = given(fields, 'case')
  const routes = {
    next: next ? readNext(next.value, named) : [],
    cases: cases ? readCases(cases.value, named) : null,
  }
  return { ...routes, named, isComplete: log.errorCount() === before }
}

function readNext(cursor: Cursor, named: NamedTarget[]): Transition[] {
  const name = textOf(cursor)
  if (name !== null) return [{ ...ALWAYS, targets: [target({ name, at: cursor, args: {}, named })], at: cursor.path }]
  if (kindOf(cursor) !== 'list') {
    const foreign = [...fieldsOf(cursor).values()].filter((field) => featureAdvice(field.name) !== null)
    for (const field of foreign) reportKey(field, featureAdvice(field.name) ?? '')
    if (foreign.length === 0) report(cursor, `next must be the name of a step or a list, not ${describeKind(cursor)}`)
    return []
  }
  const items = itemsOf(cursor)
  if (items.some((item) => fieldsOf(item).has('when'))) items.forEach(warnIfPlain)
  return items.flatMap((item) => readNextEntry(item, named))
}

/** An entry without a condition is no fallback for those that have one. */
function warnIfPlain(item: Cursor): void {
  const fields = fieldsOf(item)
  if (['when', 'else', 'then'].some((name) => fields.has(name))) return
  const step = textOf(item) ?? textOf(fields.get('step')?.value ?? item)
  if (step === null) return
  const message = `"${step.slice(0, 60)}" always runs, also where a "when" beside it is true: if it is the fallback, write {else: [${step.slice(0, 60)}]}`
  report(item, message, 'warning')
}

const ALWAYS = { when: null, isElse: false } as const

function readNextEntry(item: Cursor, named: NamedTarget[]): Transition[] {
  const at = item.path
  const name = textOf(item)
  if (name !== null) return [{ ...ALWAYS, targets: [target({ name, at: item, args: {}, named })], at }]
  if (kindOf(item) !== 'mapping') {
    report(item, `an entry of next is the name of a step, {step}, {when, then} or {else}, not ${describeKind(item)}`)
    return []
  }
  const fields = fieldsOf(item)
  checkKeys(fields, { known: NEXT_KEYS, of: 'next' })
  const step = given(fields, 'step')
  if (!step || fields.has('else')) return readConditional({ item, fields, named, of: 'next' })
  const then = fields.get('then')
  if (then) reportKey(then, 'give "step" or "then", not both')
  const targets = readTarget({ fields, step, named })
  const when = fields.get('when')
  return [{ when: when ? conditionOf(when.value, 'when') : null, isElse: false, targets, at }]
}

function readCases(cursor: Cursor, named: NamedTarget[]): Transition[] {
  if (kindOf(cursor) !== 'list') {
    report(cursor, `case must be a list of {when, then}, not ${describeKind(cursor)}`)
    return []
  }
  return itemsOf(cursor).flatMap((item) => {
    if (kindOf(item) !== 'mapping') {
      report(item, `an entry of case is {when, then}, not ${describeKind(item)}`)
      return []
    }
    const fields = fieldsOf(item)
    checkKeys(fields, { known: CASE_KEYS, of: 'case' })
    return readConditional({ item, fields, named, of: 'case' })
  })
}

interface Conditional {
  readonly item: Cursor
  readonly fields: Fields
  readonly named: NamedTarget[]
  readonly of: 'next' | 'case'
}

/** `{when, then, args?}` or `{else}`. */
function readConditional({ item, fields, named, of }: Conditional): Transition[] {
  const args = readArgs(fields)
  const otherwise = fields.get('else')
  if (otherwise) {
    for (const name of ['when', 'then', 'step']) {
      const other = fields.get(name)
      if (other) reportKey(other, `"else" is an entry of its own: it takes no "${name}"`)
    }
    return [{ when: null, isElse: true, targets: readThen({ field: otherwise, args, named, of }), at: item.path }]
  }
  const when = fields.get('when')
  const then = fields.get('then')
  if (!when)
    report(item, of === 'next' ? 'an entry of next needs "step", "when" or "else"' : 'an entry of case needs "when" and "then"')
  else if (!then) reportKey(when, of === 'next' ? '"when" needs "then" or "step" beside it' : '"when" needs "then" beside it')
  const condition = when ? conditionOf(when.value, 'when') : null
  const targets = then ? readThen({ field: then, args, named, of }) : []
  return [{ when: condition, isElse: false, targets, at: item.path }]
}

interface Branch {
  readonly field: Field
  readonly args: JsonObject
  readonly named: NamedTarget[]
  readonly of: 'next' | 'case'
}

function readThen(branch: Branch): Target[] {
  const { field, args, named, of } = branch
  const { value } = field
  if (kindOf(value) === 'mapping' && of === 'case') {
    const fields = fieldsOf(value)
    checkKeys(fields, { known: ['next'], of: `case.${field.name}` })
    const next = fields.get('next')
    if (!next && fields.size === 0) report(value, `case.${field.name} needs "next"`)
    return next ? readThen({ ...branch, field: next, of: 'next' }) : []
  }
  const name = textOf(value)
  if (name !== null) return [target({ name, at: value, args, named })]
  if (kindOf(value) !== 'list') {
    const found = isEmpty(value) ? 'empty' : describeKind(value)
    report(value, `${field.name} must be a list of steps, such as [{step: name}], not ${found}`)
    return []
  }
  return itemsOf(value).flatMap((item) => readThenItem(item, { args, named }))
}

function readThenItem(item: Cursor, { args, named }: { args: JsonObject; named: NamedTarget[] }): Target[] {
  const name = textOf(item)
  if (name !== null) return [target({ name, at: item, args, named })]
  if (kindOf(item) !== 'mapping') {
    report(item, `expected {step: name}, not ${describeKind(item)}`)
    return []
  }
  const fields = fieldsOf(item)
  checkKeys(fields, { known: TARGET_KEYS, of: 'a transition' })
  const step = given(fields, 'step')
  if (step) return readTarget({ fields, step, named, outer: args })
  report(item, 'a transition needs "step"')
  return []
}

function readTarget({
  fields,
  step,
  named,
  outer = {},
}: {
  fields: Fields
  step: Field
  named: NamedTarget[]
  outer?: JsonObject
}): Target[] {
  const args = { ...outer, ...readArgs(fields) }
  const name = textOf(step.value)
  if (name !== null) return [target({ name, at: step.value, args, named })]
  report(step.value, `"step" is the name of a step, not ${describeKind(step.value)}`)
  return []
}

function target({ name, at, args, named }: { name: string; at: Cursor; args: JsonObject; named: NamedTarget[] }): Target {
  named.push({ step: name, at })
  return { step: name, args }
}

function readArgs(fields: Fields): JsonObject {
  const args = fields.get('args')
  const data = fields.get('data')
  if (args && data) reportKey(data, '"data" is another name for "args": give one of them')
  const field = args ?? data
  return field ? templateMapping(field.value, `"${field.name}"`) : {}
}
