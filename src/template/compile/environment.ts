import type { Run } from '../run.js'
import type { Expression, Statement } from '../syntax/nodes.js'
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
  /** Compiles an expression to a plain value. */
  expression(node: Expression): Evaluate
  /** Compiles an expression whose result may still be a step's result. */
  raw(node: Expression): Evaluate
  body(statements: readonly Statement[]): Print
}

export interface Compilers {
  readonly expression: (node: Expression, environment: Environment) => Evaluate
  readonly raw: (node: Expression, environment: Environment) => Evaluate
  readonly body: (statements: readonly Statement[], environment: Environment) => Print
}

export function createEnvironment(bound: ReadonlySet<string>, compilers: Compilers): Environment {
  const environment: Environment = {
    bound,
    used: new Set(),
    nodes: 0,
    depth: 0,
    expression: (node) => compilers.expression(node, environment),
    raw: (node) => compilers.raw(node, environment),
    body: (statements) => compilers.body(statements, environment),
  }
  return environment
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
