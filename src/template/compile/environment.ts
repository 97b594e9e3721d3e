import type { Run } from '../run.js'
import type { Expression } from '../syntax/nodes.js'
import type { Value } from '../values/values.js'

/** A compiled expression. */
export type Evaluate = (run: Run) => Value

/** A compiled statement: adds its text to the output. */
export type Print = (run: Run, output: Output) => void

export interface Output {
  text: string
}

/** What is known while a template is compiled. */
export interface Environment {
  /** Names that the template binds somewhere; all others are the context's alone. */
  readonly bound: ReadonlySet<string>
  /** Names read so far, to see whether a macro uses `varargs`, `kwargs` or `caller`. */
  used: Set<string>
  /** Nodes compiled so far: what one pass through a loop's body costs. */
  nodes: number
  depth: number
}

export function createEnvironment(bound: ReadonlySet<string>): Environment {
  return { bound, used: new Set(), nodes: 0, depth: 0 }
}

/** How an expression is called in messages: `vars.counter`, `result[0].name`. */
export function pathOf(node: Expression): string {
  if (node.typename === 'Symbol') return node.value
  if (node.typename === 'FunCall') return `${pathOf(node.name)}()`
  if (node.typename !== 'LookupVal') return 'the value'
  const { val } = node
  if (val.typename !== 'Literal') return `${pathOf(node.target)}[...]`
  if (typeof val.value === 'string') return `${pathOf(node.target)}.${val.value}`
  return `${pathOf(node.target)}[${String(val.value)}]`
}
