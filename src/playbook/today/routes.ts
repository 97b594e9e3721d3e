import { isMap, type Node, type YAMLMap } from 'yaml'
import { reportForeign } from './foreign.js'
import { type Names, renameFor, renameTree } from './names.js'
import {
  addComments,
  commentsIn,
  entriesOf,
  itemsOf,
  listNode,
  type MappingAt,
  mapNode,
  mapOf,
  nodeOf,
  pairOf,
  replace,
  reportAt,
  take,
  textNode,
  wordOf,
} from './nodes.js'
import { varsOf } from './tools.js'

const ARC_KEYS = ['step', 'when', 'set', 'args', 'input', 'spec']

export interface RoutesRequest extends MappingAt {
  readonly name: string
  /** How templates of the step name things. */
  readonly names: Names
  /** Whether a failure is routed as success is. */
  readonly goesOn: boolean
  /** A name for a step on the way to another. */
  readonly nameBetween: (target: string) => string
  /** A step that only sets variables on the way to another, for an arc with `set`. */
  readonly addStep: (step: YAMLMap) => void
}

/** `next: {spec: {mode}, arcs}` as `case` (exclusive) or `next` (inclusive). */
export function rewriteRoutes(request: RoutesRequest): void {
  const pair = pairOf(request.map, 'next')
  const next = mapOf(request.map, 'next')
  if (!pair || !next) return
  if (pairOf(next, 'step') && !pairOf(next, 'arcs')) {
    pair.value = listNode([next], next.range)
    return
  }
  if (!(pairOf(next, 'arcs') || pairOf(next, 'spec'))) return
  const spec = mapOf(next, 'spec')
  const mode = (spec && wordOf(nodeOf(spec, 'mode'))) ?? 'exclusive'
  if (mode !== 'exclusive' && mode !== 'inclusive')
    reportAt(request, `the mode of arcs is exclusive or inclusive, not "${mode.slice(0, 60)}"`, spec && nodeOf(spec, 'mode'))
  const other = pairOf(request.map, 'case')
  if (other) reportAt(request, 'this step routes with arcs already: write its cases as arcs, too', other.key)
  const arcs = itemsOf(nodeOf(next, 'arcs')).filter((arc) => isArc(arc, request)) as YAMLMap[]
  if (arcs.length === 0) {
    take(request.map, 'next')
    return
  }
  const isPlain = arcs.every((arc) => !pairOf(arc, 'when')) && !request.goesOn
  const taken = mode === 'exclusive' && isPlain ? arcs.slice(0, 1) : arcs
  for (const arc of arcs.slice(taken.length))
    reportAt(request, 'this arc is never taken: the one above it has no "when"', arc, 'info')
  const targets = taken.map((arc) => targetOf(arc, request))
  const gone = commentsIn(next, new Set(taken))
  if (isPlain) {
    const plain = taken.flatMap((arc) => commentsIn(arc, new Set([nodeOf(arc, 'step') as Node])))
    replace(pair, 'next', listNode(targets, next.range))
    return addComments(pair.value, [...gone, ...plain])
  }
  const entries = taken.map((arc, index) =>
    entryOf(arc, { target: listNode([targets[index] as Node], arc.range), mode, request }),
  )
  replace(pair, mode === 'inclusive' ? 'next' : 'case', listNode(entries, next.range))
  addComments(pair.value, gone)
}

function isArc(arc: Node, request: RoutesRequest): boolean {
  if (!isMap(arc) || !pairOf(arc, 'step')) {
    reportAt(request, 'an arc needs "step": where it leads', arc)
    return false
  }
  for (const { key } of arc.items) {
    const name = wordOf(key as Node)
    if (name !== null && !ARC_KEYS.includes(name)) reportForeign(request, { node: key as Node, known: ARC_KEYS, of: 'an arc' })
  }
  return true
}

interface EntryRequest {
  readonly target: Node
  readonly mode: string
  readonly request: RoutesRequest
}

function entryOf(arc: YAMLMap, request: EntryRequest): YAMLMap {
  const entry = bareEntry(arc, request)
  addComments(entry, commentsIn(arc, new Set(arc.items.map((pair) => pair.value as Node))))
  return entry
}

function bareEntry(arc: YAMLMap, { target, mode, request }: EntryRequest): YAMLMap {
  const when = nodeOf(arc, 'when')
  if (when)
    return mapNode(
      [
        ['when', when],
        ['then', target],
      ],
      arc.range,
    )
  if (mode === 'exclusive' && !request.goesOn) return mapNode([['else', target]], arc.range)
  return mapNode(
    [
      ['when', textNode('{{ true }}', arc.range)],
      ['then', target],
    ],
    arc.range,
  )
}

function targetOf(arc: YAMLMap, request: RoutesRequest): Node {
  const step = nodeOf(arc, 'step') as Node
  const args = mapOf(arc, 'args') ?? mapOf(arc, 'input')
  const set = mapOf(arc, 'set')
  const target = args
    ? mapNode(
        [
          ['step', step],
          ['args', args],
        ],
        arc.range,
      )
    : step
  if (!set) return target
  const between = request.nameBetween(wordOf(step) ?? '')
  const own = varsOf(entriesOf(set), { kind: null, at: set })
  const next = listNode([target], arc.range)
  const rename = renameFor({ ...request.names, before: request.name })
  for (const node of [own, next]) renameTree(node, rename)
  request.addStep(
    mapNode(
      [
        ['step', textNode(between, arc.range)],
        ['vars', own],
        ['next', next],
      ],
      arc.range,
    ),
  )
  return textNode(between, step.range)
}
