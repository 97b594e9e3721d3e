import { isMap, type Node, Pair, type YAMLMap } from 'yaml'
import { keyText } from '../reader.js'
import { type OutputKind, renameFor, renameTree } from './names.js'
import {
  addComments,
  commentsIn,
  entriesOf,
  insertBeforeRoutes,
  listNode,
  type MappingAt,
  mapOf,
  nodeOf,
  pairOf,
  reportAt,
  take,
  textNode,
  wordOf,
} from './nodes.js'
import { rewriteRoutes } from './routes.js'
import { admission } from './rules.js'
import { failFast, outputKind, rewriteTools, type StepAt, varsOf } from './tools.js'

/** What a step has to know of the others. */
export interface Surroundings {
  readonly outputs: ReadonlyMap<string, OutputKind>
  readonly isReadElsewhere: (name: string, step: YAMLMap) => boolean
  /** A name that no step has, for one on the way from one to another. */
  readonly nameBetween: (from: string, to: string) => string
  /** For a step that only sets variables on the way to another. */
  readonly addStep: (step: YAMLMap) => void
}

/** Rewrites one step in place. */
export function rewriteStep(at: MappingAt, { outputs, isReadElsewhere, addStep, nameBetween }: Surroundings): void {
  const { map } = at
  const loop = mapOf(map, 'loop')
  const element = loop ? (wordOf(nodeOf(loop, 'iterator')) ?? wordOf(nodeOf(loop, 'element'))) : null
  const name = wordOf(nodeOf(map, 'step')) ?? ''
  const step: StepAt = {
    ...{ ...at, name, element, hasLoop: loop !== null, outputs },
    isReadElsewhere: (read) => isReadElsewhere(read, map),
  }
  const set = take(map, 'set')
  const vars = pairOf(map, 'vars')
  if (set && vars) reportAt(at, 'this step sets variables with "set" already: write these there, too, as ctx.<name>', vars.key)
  const output = take(map, 'output')
  if (output) reportAt(at, '"output" of a step means nothing here, and is left out: results are kept whole', output.key, 'info')
  const tools = rewriteTools(step)
  const input = take(map, 'input')
  if (input && pairOf(map, 'tool') === undefined && isMap(input.value) && input.value.items.length > 0)
    reportAt(at, '"input" of a step without a tool is read by nothing, and is left out', input.key, 'info')
  rewriteSpec(at)
  if (loop) rewriteLoop(at, { loop, isStopped: tools.failsLoop })
  const own = set && isMap(set.value) ? entriesOf(set.value) : []
  const kind = loop ? 'loop' : (outputs.get(name) ?? null)
  const pairs = [...tools.set, ...own]
  if (pairs.length > 0)
    insertBeforeRoutes(map, new Pair(textNode('vars', map.range), varsOf(pairs, { kind, at: set?.key ?? map })))
  rewriteRoutes({ ...at, name, names: tools.names, goesOn: tools.goesOn, addStep, nameBetween: (to) => nameBetween(name, to) })
  const rename = renameFor(tools.names)
  for (const pair of entriesOf(map)) if (keyText(pair.key) !== 'tool') renameTree(pair.value, rename, keyText(pair.key) ?? '')
}

/** What each step's output is beside its value. */
export function outputsOf(steps: readonly YAMLMap[]): Map<string, OutputKind> {
  const found = new Map<string, OutputKind>()
  for (const step of steps) {
    const name = wordOf(nodeOf(step, 'step'))
    const kind = mapOf(step, 'loop') ? 'loop' : lastKind(nodeOf(step, 'tool'))
    if (name !== null && kind) found.set(name, kind)
  }
  return found
}

function lastKind(tool: Node | null): OutputKind | null {
  if (isMap(tool)) return outputKind(tool)
  const items = tool && 'items' in tool ? (tool.items as Node[]) : []
  const maps = items
    .filter((item) => isMap(item))
    .map((item) => {
      const [label] = entriesOf(item)
      return item.items.length === 1 && isMap(label?.value) ? label.value : item
    })
  const last = maps.findLast((item) => wordOf(nodeOf(item, 'kind')) !== 'noop')
  return last ? outputKind(last) : null
}

function rewriteSpec(step: MappingAt): void {
  const spec = take(step.map, 'spec')
  if (!spec || !isMap(spec.value)) return
  const policy = mapOf(spec.value, 'policy')
  const admit = policy ? mapOf(policy, 'admit') : null
  const others = [...entriesOf(spec.value), ...entriesOf(policy)].filter(
    (pair) => !['policy', 'admit'].includes(keyText(pair.key) ?? ''),
  )
  for (const pair of others) {
    if (keyText(pair.key) === 'timeout' && !pairOf(step.map, 'timeout')) step.map.items.push(pair)
    else
      reportAt(
        step,
        `"${(keyText(pair.key) ?? '').slice(0, 60)}" of a step's spec means nothing here, and is left out`,
        pair.key,
        'info',
      )
  }
  const when = admit ? admission(step, admit) : null
  if (!when) return
  const key = textNode('when', spec.key.range)
  addComments(key, [...commentsIn(spec.key), ...commentsIn(spec.value)])
  step.map.items.splice(1, 0, new Pair<Node, Node>(key, when))
}

const CURSOR =
  'a loop over a cursor, which takes rows as they come, is not here: fetch a page of them in a step before, loop over its result, and route back while there are more'

interface LoopRequest {
  readonly loop: YAMLMap
  /** Whether a failure ends it. */
  readonly isStopped: boolean
}

function rewriteLoop(step: MappingAt, { loop, isStopped }: LoopRequest): void {
  const cursor = take(loop, 'cursor')
  if (cursor) {
    reportAt(step, CURSOR, cursor.key)
    // In its place stands something, so that this is the one thing said.
    take(loop, 'spec')
    take(loop, 'mode')
    if (!pairOf(loop, 'in')) loop.items.push(new Pair(textNode('in', cursor.key.range), listNode([], cursor.key.range)))
    if (!pairOf(loop, 'iterator'))
      loop.items.push(new Pair(textNode('iterator', cursor.key.range), textNode('row', cursor.key.range)))
  }
  const spec = take(loop, 'spec')
  const options = spec && isMap(spec.value) ? spec.value : null
  const mode = (options && nodeOf(options, 'mode')) ?? take(loop, 'mode')?.value ?? null
  const limit = (options && nodeOf(options, 'max_in_flight')) ?? take(loop, 'max_in_flight')?.value ?? null
  if (mode) loop.items.push(new Pair(textNode('mode', mode.range), mode))
  const isParallel = mode !== null && wordOf(mode) !== 'sequential'
  if (limit && isParallel) loop.items.push(new Pair(textNode('concurrency', limit.range), limit))
  if (isStopped) loop.items.push(failFast(loop))
}
