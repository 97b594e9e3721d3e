import type { Ast, CallNode, Expression } from '../syntax/nodes.js'
import type { References } from '../types.js'

interface Found {
  readonly roots: Set<string>
  readonly members: Map<string, Set<string> | 'all'>
}

/** Names that the template itself has bound so far. */
interface Bound {
  has(name: string): boolean
  add(name: string): unknown
}

const NOTHING_BOUND: Bound = { has: () => false, add: () => NOTHING_BOUND }

/** What a tree of nodes reads from its context. */
export function findReferences(nodes: readonly Ast[]): References {
  return walkAll(nodes, new Set<string>())
}

/** Every name that stands in a tree of nodes as if it were the context's: where a binding ends is not asked, so nothing is missed. */
export function findMentions(nodes: readonly Ast[]): References {
  return walkAll(nodes, NOTHING_BOUND)
}

function walkAll(nodes: readonly Ast[], bound: Bound): References {
  const found: Found = { roots: new Set(), members: new Map() }
  for (const node of nodes) walk(node, found, bound)
  return found
}

/** Several templates' references as one. */
export function mergeReferences(all: Iterable<References>): References {
  const found: Found = { roots: new Set(), members: new Map() }
  for (const references of all) {
    for (const root of references.roots) found.roots.add(root)
    for (const [root, members] of references.members) {
      if (members === 'all') found.members.set(root, 'all')
      else for (const member of members) add(found, root, member)
    }
  }
  return found
}

function add(found: Found, root: string, member: string | null): void {
  found.roots.add(root)
  const known = found.members.get(root)
  if (known === 'all') return
  if (member === null) found.members.set(root, 'all')
  else if (known === undefined) found.members.set(root, new Set([member]))
  else known.add(member)
}

function walk(node: Ast, found: Found, bound: Bound): void {
  switch (node.typename) {
    case 'Symbol':
      if (!bound.has(node.value)) add(found, node.value, null)
      return
    case 'FunCall':
      if (!walkMethod(node, found, bound)) break
      walkFields(node.args, found, bound)
      return
    case 'LookupVal':
      if (walkMember(node, found, bound)) return
      break
    case 'ForIn':
      walk(node.items, found, bound)
      bind(node.target, bound)
      bound.add('loop')
      break
    case 'Assign':
      walk(node.value, found, bound)
      // What is changed by a member is looked up first.
      if (node.target.typename === 'LookupVal') walk(node.target, found, bound)
      bind(node.target, bound)
      return
    case 'AssignBlock':
      walk(node.body, found, bound)
      bind(node.target, bound)
      return
    case 'MacroDefinition':
    case 'CallBlock':
      if (node.typename === 'MacroDefinition') bound.add(node.name)
      for (const name of ['caller', 'varargs', 'kwargs', ...node.parameters.map((parameter) => parameter.name)]) bound.add(name)
      break
    default:
  }
  walkFields(node, found, bound)
}

function walkFields(node: object, found: Found, bound: Bound): void {
  for (const field of Object.values(node)) {
    for (const child of Array.isArray(field) ? field : [field]) {
      if (isAst(child)) walk(child, found, bound)
      else if (typeof child === 'object' && child !== null && ('fallback' in child || 'value' in child))
        walkFields(child, found, bound)
    }
  }
}

function isAst(value: unknown): value is Ast {
  return typeof value === 'object' && value !== null && 'typename' in value
}

function walkMember(node: Extract<Expression, { typename: 'LookupVal' }>, found: Found, bound: Bound): boolean {
  if (node.target.typename !== 'Symbol' || node.val.typename !== 'Literal' || typeof node.val.value !== 'string') return false
  if (!bound.has(node.target.value)) add(found, node.target.value, node.val.value)
  return true
}

/** `vars.get('x')` reads the member x; any other method of a root reads it whole. */
function walkMethod(node: CallNode, found: Found, bound: Bound): boolean {
  const callee = node.name
  if (callee.typename !== 'LookupVal' || callee.target.typename !== 'Symbol' || callee.val.typename !== 'Literal') return false
  const root = callee.target.value
  const [first] = node.args.positional
  const isStatic = callee.val.value === 'get' && first?.typename === 'Literal' && typeof first.value === 'string'
  if (!bound.has(root)) add(found, root, isStatic ? String(first.value) : null)
  return true
}

function bind(target: Expression, bound: Bound): void {
  if (target.typename === 'Symbol') bound.add(target.value)
  if (target.typename === 'Tuple') for (const child of target.children) bind(child, bound)
}
