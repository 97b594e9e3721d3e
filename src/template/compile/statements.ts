import { fail } from '../faults.js'
import { chargeText, type Run } from '../run.js'
import type { AssignBlockNode, AssignNode, BodyNode, Expression, IfNode, OutputNode, Statement, WithNode } from '../syntax/nodes.js'
import { iterate } from '../values/access.js'
import { isTrue } from '../values/compare.js'
import { toText } from '../values/text.js'
import { raiseUndefined } from '../values/undefined.js'
import { Namespace, Undefined, type Value } from '../values/values.js'
import { compileFilterTarget } from './calls.js'
import type { Environment, Evaluate, Output, Print } from './environment.js'
import { compileExpression } from './expressions.js'
import { compileFor } from './loops.js'
import { compileCallBlock, compileMacro } from './macros.js'

/** Compiles statements to one closure that prints them in order. */
export function compileBody(statements: readonly Statement[], environment: Environment): Print {
  const prints = statements.map((statement) => compileStatement(statement, environment))
  const [only] = prints
  if (prints.length === 1 && only !== undefined) return only
  return (run, output) => {
    for (const print of prints) print(run, output)
  }
}

function compileStatement(node: Statement, environment: Environment): Print {
  environment.nodes += 1
  switch (node.typename) {
    case 'Output':
      return compileOutput(node, environment)
    case 'If':
      return compileIf(node, environment)
    case 'ForIn':
      return compileFor(node, environment)
    case 'Assign': {
      const assign = compileAssign(node, environment)
      return (run) => assign(run)
    }
    case 'AssignBlock':
      return compileAssignBlock(node, environment)
    case 'MacroDefinition':
      return compileMacro(node, environment)
    case 'CallBlock':
      return compileCallBlock(node, environment)
    case 'FilterBlock': {
      const text = compileFilterTarget(node.filters, environment, captured(compileBody(node.body.children, environment)))
      return (run, output) => append(run, output, toText(run, text(run)))
    }
    case 'With':
      return compileWith(node, environment)
    case 'NodeList':
      return scoped(compileBody(node.children, environment))
  }
}

/** Adds text to the output, charged before. */
export function append(run: Run, output: Output, text: string): void {
  chargeText(run, text.length)
  output.text += text
}

/** What a body prints, as a value. */
export function captured(print: Print): Evaluate {
  return (run) => {
    const output = { text: '' }
    scoped(print)(run, output)
    return output.text
  }
}

/** Runs with a scope of its own. */
export function scoped(print: Print): Print {
  return (run, output) => {
    const outer = run.scope
    run.scope = { values: new Map(), parent: outer }
    try {
      print(run, output)
    } finally {
      run.scope = outer
    }
  }
}

function compileOutput(node: OutputNode, environment: Environment): Print {
  const parts = node.children.map((child): Print => {
    if (child.typename === 'TemplateData') {
      const { value } = child
      return (run, output) => append(run, output, value)
    }
    const evaluate = compileExpression(child, environment)
    return (run, output) => {
      const value = evaluate(run)
      if (typeof value === 'string') return append(run, output, value)
      run.at = child
      if (value instanceof Undefined && value.path !== '') raiseUndefined(value)
      return append(run, output, toText(run, value))
    }
  })
  return (run, output) => {
    for (const part of parts) part(run, output)
  }
}

function compileIf(node: IfNode, environment: Environment): Print {
  const condition = compileExpression(node.cond, environment)
  const body = compileBody(node.body.children, environment)
  const otherwise = compileElse(node.else_, environment)
  return (run, output) => {
    run.at = node
    if (isTrue(run, condition(run))) body(run, output)
    else otherwise?.(run, output)
  }
}

function compileElse(node: BodyNode | IfNode | null, environment: Environment): Print | null {
  if (node === null) return null
  return node.typename === 'If' ? compileIf(node, environment) : compileBody(node.children, environment)
}

export type Assigner = (run: Run, value: Value) => void

/** How a value is bound to a name, to several names, or to a member of a namespace. */
export function compileTarget(node: Expression, environment: Environment): Assigner {
  if (node.typename === 'Symbol') {
    const name = node.value
    return (run, value) => {
      run.scope ??= { values: new Map(), parent: null }
      run.scope.values.set(name, value)
    }
  }
  if (node.typename === 'LookupVal' && node.val.typename === 'Literal') {
    const target = compileExpression(node.target, environment)
    const name = String(node.val.value)
    return (run, value) => {
      const namespace = target(run)
      run.at = node
      if (!(namespace instanceof Namespace)) fail('only the members of a namespace can be set: what the context gives is read-only')
      namespace.values.set(name, value)
    }
  }
  const targets = node.typename === 'Tuple' ? node.children.map((child) => compileTarget(child, environment)) : []
  return (run, value) => {
    const values = iterate(run, value)
    run.at = node
    if (values.length !== targets.length) fail(`${targets.length} names cannot take ${values.length} values`)
    targets.forEach((target, index) => {
      target(run, values[index] as Value)
    })
  }
}

function compileAssign(node: AssignNode, environment: Environment): (run: Run) => void {
  const value = compileExpression(node.value, environment)
  const assign = compileTarget(node.target, environment)
  return (run) => assign(run, value(run))
}

function compileAssignBlock(node: AssignBlockNode, environment: Environment): Print {
  const text = compileFilterTarget(node.filters, environment, captured(compileBody(node.body.children, environment)))
  const assign = compileTarget(node.target, environment)
  return (run) => assign(run, text(run))
}

function compileWith(node: WithNode, environment: Environment): Print {
  const values = node.assignments.map(({ value }) => compileExpression(value, environment))
  const targets = node.assignments.map(({ target }) => compileTarget(target, environment))
  const body = compileBody(node.body.children, environment)
  return (run, output) => {
    const given = values.map((value) => value(run))
    scoped((inner, text) => {
      targets.forEach((target, index) => {
        target(inner, given[index] as Value)
      })
      body(inner, text)
    })(run, output)
  }
}
