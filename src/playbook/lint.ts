import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, Scalar } from 'yaml'
import { FORBIDDEN_KEYS } from './names.js'
import { isMergeKey, keyText, type Source, scalarValue } from './reader.js'
import { numberFault, otherReading } from './scalars.js'

/** A key of the language, which is meant as it stands. */
const OWN_KEY = /^notify\[\d+\]\.on$/
const MAX_DEPTH = 64
/** Nodes that aliases may add by repetition. */
const MAX_REPEATED = 10_000

interface Walk {
  readonly source: Source
  readonly anchors: Map<string, Node>
}

/**
 * Checks what holds for every node wherever it stands (duplicate and forbidden keys, text that cannot be stored, plain
 * scalars that YAML 1.1 reads otherwise) and resolves the aliases. False: the tree cannot be read safely.
 */
export function checkTree(root: Node, source: Source): boolean {
  const walk: Walk = { source, anchors: new Map() }
  visit(root, { walk, path: '', depth: 1 })
  return isBounded(root, source)
}

interface NodeContext {
  readonly walk: Walk
  readonly path: string
  readonly depth: number
}

function visit(node: Node | null, context: NodeContext): void {
  if (node === null) return
  if (isAlias(node)) return resolveAlias(node, context)
  if (isScalar(node) || isMap(node) || isSeq(node)) {
    if (node.anchor !== undefined) context.walk.anchors.set(node.anchor, node)
  }
  if (isScalar(node)) return checkScalar(node, context)
  const { walk, path, depth } = context
  if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      const meant = asMeant(item as Node | null, walk.source)
      node.items[index] = meant
      visit(meant, { walk, path: `${path}[${index}]`, depth: depth + 1 })
    }
  }
  if (isMap(node)) visitPairs(node, context)
}

function visitPairs(node: Node, { walk, path, depth }: NodeContext): void {
  if (!isMap(node)) return
  const seen = new Map<string, number>()
  for (const pair of node.items) {
    const key = pair.key as Node
    const offset = key.range?.[0] ?? node.range?.[0] ?? 0
    const name = keyText(key)
    const at = path === '' ? (name ?? '') : `${path}.${name ?? '?'}`
    const add = (message: string) => walk.source.log.add({ message, path: at, offset })
    if (name === null) add('this key is not plain text: write a string')
    else {
      if (FORBIDDEN_KEYS.has(name)) add(`"${name}" cannot be a key`)
      if (seen.has(name))
        add(`duplicate key "${name.slice(0, 60)}": it is given before in line ${walk.source.log.lineOf(seen.get(name) ?? 0)}`)
      else seen.set(name, offset)
      if (!isMergeKey(key)) checkScalar(key as Scalar, { walk, path: at, depth })
    }
    pair.value = asMeant(pair.value as Node | null, walk.source)
    visit(pair.value as Node | null, { walk, path: at, depth: depth + 1 })
    if (isMergeKey(key) && !isMergeable(pair.value as Node | null, walk.source)) {
      add('"<<" merges a mapping, or a list of mappings, by their aliases or as they are: this is something else')
    }
  }
}

function isMergeable(value: Node | null, { aliases }: Source): boolean {
  const node = value && (aliases.get(value) ?? value)
  if (isMap(node)) return true
  return isSeq(node) && node.items.every((item) => isMap(aliases.get(item as Node) ?? item))
}

/** In place of a mapping that is a template without quotes, which is reported already: its text. */
function asMeant(node: Node | null, { unquoted }: Source): Node | null {
  if (!isMap(node) || node.flow !== true) return node
  const template = unquoted.get(node.range?.[0] ?? -1)
  if (!template) return node
  const text = new Scalar(template.text)
  text.type = 'PLAIN'
  text.source = template.text
  text.range = node.range ?? null
  return text
}

function checkScalar(node: Scalar, { walk, path }: NodeContext): void {
  const offset = node.range?.[0] ?? 0
  const value = scalarValue(node)
  const add = (message: string, severity: 'error' | 'warning' = 'error') =>
    walk.source.log.add({ message, path, offset, severity })
  if (value === undefined) return add(`${node.source} is not a JSON value: write a number, or quote it`)
  if (typeof value === 'string' && value.includes('\0')) add('the character U+0000 cannot be stored')
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) add('half of a surrogate pair cannot be stored')
  const fault = numberFault(value)
  if (fault) return add(fault)
  if (node.type !== 'PLAIN' || node.tag !== undefined) return
  const text = node.source ?? ''
  const reading = otherReading(text)
  if (!reading || (text === 'on' && OWN_KEY.test(path))) return
  add(
    `${text.length > 60 ? `${text.slice(0, 60)}...` : text} is ${reading.here} here (YAML 1.2), but ${reading.there} in YAML 1.1: quote it, or write it so that both agree`,
    'warning',
  )
}

function resolveAlias(alias: Alias, { walk, path }: NodeContext): void {
  const target = walk.anchors.get(alias.source)
  const offset = alias.range?.[0] ?? 0
  if (target) walk.source.aliases.set(alias, target)
  else walk.source.log.add({ message: `the alias *${alias.source} stands before its anchor, or has none`, path, offset })
}

/** Walks the tree as it reads with every alias replaced, and stops where that goes beyond the limits. */
function isBounded(root: Node, source: Source): boolean {
  let repeated = 0
  const stack: { node: Node; depth: number; isRepeated: boolean; offset: number }[] = [
    { node: root, depth: 1, isRepeated: false, offset: 0 },
  ]
  for (let entry = stack.pop(); entry; entry = stack.pop()) {
    const target = source.aliases.get(entry.node)
    const node = target ?? entry.node
    const isRepeated = entry.isRepeated || target !== undefined
    const offset = isRepeated ? entry.offset : (node.range?.[0] ?? entry.offset)
    const fail = (message: string): boolean => {
      source.log.add({ message, path: '', offset: target ? (entry.node.range?.[0] ?? offset) : offset })
      return false
    }
    if (isRepeated) repeated += 1
    if (repeated > MAX_REPEATED) return fail(`aliases repeat more than ${MAX_REPEATED} values`)
    if (entry.depth > MAX_DEPTH) return fail(`nested too deeply: at most ${MAX_DEPTH} levels are read`)
    for (const child of childrenOf(node)) stack.push({ node: child, depth: entry.depth + 1, isRepeated, offset })
  }
  return true
}

function childrenOf(node: Node): Node[] {
  if (isSeq(node)) return node.items.filter((item): item is Node => item !== null)
  if (isMap(node)) return node.items.flatMap((pair) => (pair.value === null ? [] : [pair.value as Node]))
  return []
}
