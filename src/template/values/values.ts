import { isLosslessNumber, type LosslessNumber } from '../../core/json.js'
import { type EvaluationLimits, StepValue } from '../types.js'

/** Base of every value that only exists inside the engine: none has members but those its own table names. */
export abstract class Special {}

/** A Python float that JavaScript cannot tell from an integer: `3.0`, infinities, NaN. Other floats are plain numbers. */
export class Float extends Special {
  constructor(readonly value: number) {
    super()
  }
}

export type SequenceKind = 'tuple' | 'range' | 'dict_keys' | 'dict_values' | 'dict_items' | 'generator'

export interface Range {
  readonly start: number
  readonly stop: number
  readonly step: number
}

/** Every immutable sequence of Python. Leaves the engine as a list. */
export class Sequence extends Special {
  constructor(
    readonly kind: SequenceKind,
    readonly items: readonly Value[],
    /** What a range prints, as its items do not tell. */
    readonly range: Range | null = null,
    /** Names of its items (`grouper` and `list` of `groupby`). */
    readonly fields: readonly string[] = [],
  ) {
    super()
  }
}

/** A dict made by a template. Keys are hashed as in Python: `1`, `1.0` and `true` are one key. */
export class Dict extends Special {
  readonly entries = new Map<string, readonly [Value, Value]>()
}

/** What a name or member that does not exist gives. */
export class Undefined extends Special {
  constructor(
    readonly path: string,
    /** Names that exist where it was looked for, for the suggestion; asked for only when it becomes an error. */
    readonly candidates: () => Iterable<string> = () => [],
    readonly hint: string = '',
  ) {
    super()
  }
}

/** `namespace(...)`: the one thing whose members `set` may assign. */
export class Namespace extends Special {
  readonly values = new Map<string, Value>()
}

/** A function or macro. Never a JavaScript function, never leaves the engine. */
export class Callable extends Special {
  constructor(
    readonly name: string,
    readonly invoke: (run: Run, args: CallArguments) => Value,
    /** What a macro tells about itself. */
    readonly members: ReadonlyMap<string, Value> = new Map(),
  ) {
    super()
  }
}

/** An object with a fixed table of members and methods: `loop`, `cycler`. */
export class Instance extends Special {
  constructor(
    readonly name: string,
    readonly members: ReadonlyMap<string, () => Value>,
    readonly methods: ReadonlyMap<string, Callable>,
    readonly self: Callable | null = null,
  ) {
    super()
  }
}

export interface PlainObject {
  readonly [key: string]: Value
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | LosslessNumber
  | StepValue
  | Float
  | Sequence
  | Dict
  | Undefined
  | Namespace
  | Callable
  | Instance
  | readonly Value[]
  | PlainObject

/** Where in the template an evaluation stands; kept by reference, so that it costs one store. */
export interface Position {
  readonly lineno: number
  readonly colno: number
}

export interface NameSource {
  /** The value of a name, undefined when there is none. */
  lookup(name: string): Value | undefined
  names(): Iterable<string>
  /** What `now()` gives. */
  now(): Date
  readonly evaluationLimits: EvaluationLimits
}

export interface Scope {
  readonly values: Map<string, Value>
  readonly parent: Scope | null
}

/** One evaluation: its context, its scope, and what is left of its budgets. */
export interface Run {
  readonly context: NameSource
  scope: Scope | null
  /** Elements and nodes that may still be touched. */
  steps: number
  /** Characters that may still be made; a list's item counts as 8. */
  allocation: number
  depth: number
  /** Lists and objects of the context that a method changed: the change is seen in this evaluation only. */
  changedLists: Map<object, Value[]> | null
  changedDicts: Map<object, Dict> | null
  /** The last long text that was found to have no surrogates, so that its characters are not counted again. */
  plainText: string | null
  /** How many entries objects of the context have: counting takes as long as there are. */
  sizes: Map<object, number> | null
  at: Position
  /** Steps left at which the clock is looked at next, and what it showed first; null before. */
  checkAt: number
  startedAtMs: number | null
}

/** The arguments of a call, evaluated. */
export interface CallArguments {
  readonly positional: readonly Value[]
  readonly keywords: ReadonlyMap<string, Value>
}

export function isPlainObject(value: Value): value is PlainObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Special) &&
    !(value instanceof StepValue) &&
    !isLosslessNumber(value)
  )
}

export function isMapping(value: Value): value is PlainObject | Dict {
  return value instanceof Dict || isPlainObject(value)
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

/** Whether items can be read by index: Python's views of dicts and generators have none. */
export function isIndexed(value: Sequence): boolean {
  return value.kind === 'tuple' || value.kind === 'range'
}

export function tuple(...items: Value[]): Sequence {
  return new Sequence('tuple', items)
}

/** A step's result as the plain value it stands for. */
export function unwrap(value: Value): Value {
  return value instanceof StepValue ? value.value : value
}

/** The name that Python gives a value's type, for messages. */
export function typeName(value: Value): string {
  if (value === null) return 'none'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'str'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  if (typeof value === 'bigint') return 'int'
  if (value instanceof Float) return 'float'
  if (isLosslessNumber(value)) return value.value.includes('.') ? 'float' : 'int'
  if (value instanceof Sequence) return value.kind
  if (Array.isArray(value)) return 'list'
  if (value instanceof Undefined) return 'undefined'
  if (value instanceof Namespace) return 'namespace'
  if (value instanceof Callable) return 'function'
  if (value instanceof Instance) return value.name
  return value instanceof StepValue ? typeName(value.value) : 'dict'
}
