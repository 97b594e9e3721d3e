import { isMap, isScalar, isSeq, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { keyText, type Source } from '../reader.js'

/** A mapping of the document, and where it stands. */
export interface MappingAt {
  readonly source: Source
  readonly map: YAMLMap
  readonly path: string
}

export function pairOf(map: YAMLMap, name: string): Pair<Node, Node | null> | undefined {
  return map.items.find((pair) => keyText(pair.key) === name) as Pair<Node, Node | null> | undefined
}

export function nodeOf(map: YAMLMap, name: string): Node | null {
  return pairOf(map, name)?.value ?? null
}

/** The mapping under a key, or null where there is none. */
export function mapOf(map: YAMLMap, name: string): YAMLMap | null {
  const value = nodeOf(map, name)
  return isMap(value) ? value : null
}

export function itemsOf(node: Node | null): Node[] {
  return isSeq(node) ? (node.items as Node[]) : []
}

/** The text of a scalar. */
export function wordOf(node: Node | null): string | null {
  return isScalar(node) ? String(node.value) : null
}

/** Takes an entry out. */
export function take(map: YAMLMap, name: string): Pair<Node, Node | null> | undefined {
  const pair = pairOf(map, name)
  if (pair) map.items.splice(map.items.indexOf(pair), 1)
  return pair
}

type Range = Node['range']

export function textNode(text: string, range: Range): Scalar {
  const node = new Scalar(text)
  node.type = /^[A-Za-z_][\w-]*$/.test(text) ? 'PLAIN' : 'QUOTE_DOUBLE'
  node.source = text
  node.range = range ?? null
  return node
}

export function numberNode(value: number, range: Range): Scalar {
  const node = textNode(String(value), range)
  node.value = value
  node.type = 'PLAIN'
  return node
}

export function booleanNode(value: boolean, range: Range): Scalar {
  const node = textNode(String(value), range)
  node.value = value
  return node
}

/** A mapping of entries; `from` is the one that it stands for, whose comments it keeps. */
export function mapNode(entries: readonly (readonly [string, Node])[], range: Range, from?: YAMLMap): YAMLMap {
  const map = new YAMLMap()
  for (const [name, value] of entries) map.items.push(new Pair(textNode(name, value.range ?? range), value))
  map.range = range ?? null
  const comment = from ? commentsIn(from, new Set(entries.map(([, value]) => value))).join('\n') : ''
  if (comment) map.commentBefore = comment
  return map
}

/** Every comment in a tree, except in the nodes that go on. */
export function commentsIn(node: Node | null, kept: ReadonlySet<Node> = new Set()): string[] {
  if (!node || kept.has(node)) return []
  const inner = isMap(node)
    ? node.items.flatMap((pair) => [...commentsIn(pair.key as Node, kept), ...commentsIn(pair.value as Node | null, kept)])
    : itemsOf(node).flatMap((item) => commentsIn(item, kept))
  return [node.commentBefore, ...inner, node.comment].flatMap((comment) => comment ?? [])
}

/** Comments of what is gone, before a node that stays. */
export function addComments(node: Node | null | undefined, comments: readonly string[]): void {
  if (!node || comments.length === 0) return
  node.commentBefore = [...comments, ...(node.commentBefore ? [node.commentBefore] : [])].join('\n')
}

/** Puts an entry of a step where it is read before the routes. */
export function insertBeforeRoutes(map: YAMLMap, pair: Pair): void {
  const at = map.items.findIndex(({ key }) => ['next', 'case'].includes(keyText(key) ?? ''))
  map.items.splice(at === -1 ? map.items.length : at, 0, pair)
}

export function entriesOf(map: YAMLMap | null): Pair<Node, Node | null>[] {
  return map ? [...(map.items as Pair<Node, Node | null>[])] : []
}

export function listNode(items: readonly Node[], range: Range): YAMLSeq {
  const list = new YAMLSeq()
  list.items.push(...items)
  list.range = range ?? null
  return list
}

/** Puts an entry where another was, so that its comments and its position stay. */
export function replace(pair: Pair<Node, Node | null>, name: string, value: Node): void {
  const { range } = pair.key
  const comment = pair.key.commentBefore
  pair.key = textNode(name, range)
  if (comment) pair.key.commentBefore = comment
  pair.value = value
}

/** Reports at a node. */
export function reportAt(
  { source, path }: MappingAt,
  message: string,
  node: Node | null,
  severity: 'error' | 'info' = 'error',
): void {
  source.log.add({ message, path, offset: node?.range?.[0] ?? 0, severity })
}
