import { Big } from 'big.js'
import type { IterationResult, LoopState } from '../../commit/run.js'
import { TransientError } from '../../core/errors.js'
import { isJsonNumber, type JsonObject, type JsonValue, jsonSize, numberText } from '../../core/json.js'
import { storableText } from '../../core/text.js'
import type { Loop } from '../../playbook/model.js'
import { countRule } from '../../playbook/numbers.js'
import {
  type ContextLayers,
  createContext,
  evaluateCondition,
  renderTemplate,
  renderTree,
  sensitiveReads,
  sensitiveReadsOfCondition,
  type TemplateContext,
} from '../../template/index.js'
import { layersOf } from './context.js'
import { requireNumber } from './numbers.js'
import { trackSensitiveReads } from './sensitive.js'
import { checkStorable } from './storable.js'
import type { Outcome, Snapshot } from './types.js'

const MAX_ELEMENT_BYTES = 256 * 1024
const MAX_LIST_BYTES = 10 * 1024 * 1024
const DEFAULT_CONCURRENCY = 8
/** Of what failed the step's envelope names the first ones; each iteration keeps its own error whole. */
const MAX_ERRORS = 100
const MAX_MESSAGE = 1000

export interface LoopPlan {
  readonly items: readonly JsonValue[]
  readonly loop: LoopState
  /** The collection, or what was chosen of it, comes from something sensitive: so do the elements. */
  readonly isSensitive: boolean
}

/**
 * The elements of an iterator, in their final order: `where`, `order_by`, `limit`, `chunk`, `enumerate`. Pure.
 * @throws TransientError TEMPLATE_* when an option cannot be evaluated or the collection is no list; TOO_LARGE
 */
export function planLoop(snapshot: Snapshot, loop: Loop): LoopPlan {
  const reads = readsOf(loop, layersOf(snapshot))
  const unreadable = snapshot.sensitive?.unreadable
  const plan = trackSensitiveReads(reads, { at: `${snapshot.step.at}.loop`, unreadable }, () => planElements(snapshot, loop))
  return { ...plan.value, isSensitive: plan.isSensitive }
}

/** What a loop's expressions read of the sensitive. The element itself is sensitive only when the collection is. */
function readsOf({ collection, limit, chunk, concurrency, where, orderBy }: Loop, layers: ContextLayers): string[] {
  const conditions = [where, orderBy?.expression ?? null].flatMap((source) =>
    source === null ? [] : sensitiveReadsOfCondition(source, layers),
  )
  return [...sensitiveReads([collection, limit, chunk, concurrency], layers), ...conditions]
}

function planElements(snapshot: Snapshot, loop: Loop): Omit<LoopPlan, 'isSensitive'> {
  const at = `${snapshot.step.at}.loop`
  // Made once: for each of a million elements anew it would copy all variables a million times.
  const layers = layersOf(snapshot)
  const all = asList(renderTree(loop.collection, createContext(layers), `${at}.collection`), snapshot)
  const contextOf = (item: JsonValue, index: number) => {
    const locals = { ...layers.locals, [loop.element]: item, loop: { index: index + 1, index0: index } }
    return createContext({ ...layers, locals })
  }
  const isWanted = (item: JsonValue, index: number) =>
    evaluateCondition(loop.where ?? 'true', contextOf(item, index), `${at}.where`)
  const filtered = loop.where === null ? all : all.filter(isWanted)
  const sorted = sortItems(loop, filtered, { contextOf, at: `${at}.order_by` })
  const limited = sorted.slice(0, countOption(snapshot, loop.limit, { name: 'limit', least: 0 }) ?? sorted.length)
  const chunked = chunk(limited, countOption(snapshot, loop.chunk, { name: 'chunk', least: 1 }))
  const items = loop.isEnumerated ? chunked.map((item, index): JsonValue => ({ index, item })) : chunked
  checkSizes(snapshot, items)
  const wanted = countOption(snapshot, loop.concurrency, { name: 'concurrency', least: 1 }) ?? DEFAULT_CONCURRENCY
  const concurrency = loop.mode === 'sequential' ? 1 : wanted
  const firstRun = snapshot.execution.runSeq + 1
  const opened = Math.min(concurrency, items.length)
  return { items, loop: { total: items.length, firstRun, concurrency, opened, done: 0, failed: 0, stopped: null } }
}

function asList(value: JsonValue, { step }: Snapshot): JsonValue[] {
  if (Array.isArray(value)) return value
  const found =
    value === null ? 'null' : isJsonNumber(value) ? 'a number' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
  throw new TransientError('TEMPLATE_ERROR', `${step.at}: the collection of iterator "${step.name}" is ${found}, not a list`)
}

interface Sorting {
  readonly contextOf: (item: JsonValue, index: number) => TemplateContext
  readonly at: string
}

function sortItems(loop: Loop, items: readonly JsonValue[], { contextOf, at }: Sorting): readonly JsonValue[] {
  if (!loop.orderBy) return items
  const { expression, isDescending } = loop.orderBy
  const source = expression.includes('{{') ? expression : `{{ ${expression} }}`
  const keyed = items.map((item, index) => ({
    item,
    key: renderTemplate(source, contextOf(item, index), at),
  }))
  const sign = isDescending ? -1 : 1
  return keyed.sort((left, right) => sign * compareKeys(left.key, right.key, at)).map(({ item }) => item)
}

function compareKeys(left: JsonValue, right: JsonValue, at: string): number {
  if (isJsonNumber(left) && isJsonNumber(right)) return compareNumbers(numberText(left), numberText(right))
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right)
  throw new TransientError('TEMPLATE_ERROR', `${at}: numbers, strings and booleans can be ordered, and only among their kind`)
}

/** Exact: long integers differ in digits that a JavaScript number does not have. */
function compareNumbers(left: string, right: string): number {
  return new Big(left).cmp(right)
}

function countOption(
  snapshot: Snapshot,
  option: JsonValue | null,
  { name, least }: { name: string; least: number },
): number | null {
  if (option === null) return null
  const at = `${snapshot.step.at}.loop.${name}`
  return requireNumber(renderTree(option, createContext(layersOf(snapshot)), at), at, countRule(least))
}

function chunk(items: readonly JsonValue[], size: number | null): readonly JsonValue[] {
  if (size === null) return items
  const chunks: JsonValue[] = []
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size))
  return chunks
}

function checkSizes({ step }: Snapshot, items: readonly JsonValue[]): void {
  let total = 0
  for (const [index, item] of items.entries()) {
    checkStorable(item, `iterator "${step.name}": element ${index}`)
    const size = jsonSize(item)
    total += size + 1
    if (size > MAX_ELEMENT_BYTES) {
      const message = `iterator "${step.name}": element ${index} has ${size} bytes, the limit of a value is ${MAX_ELEMENT_BYTES}`
      throw new TransientError('TOO_LARGE', message)
    }
  }
  if (total > MAX_LIST_BYTES) {
    const message = `iterator "${step.name}": the list has more than ${total} bytes, the limit is ${MAX_LIST_BYTES}`
    throw new TransientError('TOO_LARGE', message)
  }
}

/** An iterator's own outcome: its list in the input's order, null in the place of a failed iteration. */
export function joinLoop(results: readonly IterationResult[], loop: LoopState): Outcome {
  const data = results.map((entry) => (entry.status === 'succeeded' ? entry.result : null))
  const failed = results.flatMap(({ error }, index) => (error ? [{ index, error }] : []))
  const errors = failed.slice(0, MAX_ERRORS).map(({ index, error: { code, message } }): JsonObject => {
    const shown = message.length > MAX_MESSAGE ? `${storableText(message.slice(0, MAX_MESSAGE))}...` : message
    return { index, error: { code, message: shown } }
  })
  const success = results.filter((entry) => entry.status === 'succeeded').length
  const extras: JsonObject = { stats: { total: results.length, success, failed: failed.length }, errors }
  const given = { data, extras, ...(results.some((entry) => entry.isSensitive) ? { isSensitive: true } : {}) }
  if (!loop.stopped) return { status: 'success', ...given }
  return { status: 'error', error: { code: loop.stopped.code, message: loop.stopped.message }, ...given }
}
