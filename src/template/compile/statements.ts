import type { Run } from '../run.js'
import type { AssignBlockNode, AssignNode, BodyNode, IfNode, OutputNode, Statement, WithNode } from '../syntax/nodes.js'
import { isTrue } from '../values/compare.js'
import { toText } from '../values/text.js'
import { raiseUndefined } from '../values/undefined.js'
import { Undefined, type Value } from '../values/values.js'
import { compileFilterTarget } from './calls.js'
import type { Environment, Print } from './environment.js'
import { compileFor } from './loops.js'
import { compileCallBlock, compileMacro } from './macros.js'
import { append, captured, scoped } from './output.js'
import { compileTarget } from './targets.js'

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

function compileOutput(node: OutputNode, environment: Environment): Print {
  const parts = node.children.map((child): Print => {
    if (child.typename === 'TemplateData') {
      const { value } = child
      return (run, output) => append(run, output, value)
    }
    const evaluate = environment.expression(child)
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
  const condition = environment.expression(node.cond)
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

function compileAssign(node: AssignNode, environment: Environment): (run: Run) => void {
  const value = environment.expression(node.value)
  const assign = compileTarget(node.target, environment)
  return (run) => assign(run, value(run))
}

function compileAssignBlock(node: AssignBlockNode, environment: Environment): Print {
  const text = compileFilterTarget(node.filters, environment, captured(compileBody(node.body.children, environment)))
  const assign = compileTarget(node.target, environment)
  return (run) => assign(run, text(run))
}

function compileWith(node: WithNode, environment: Environment): Print {
  const values = node.assignments.map(({ value }) => environment.expression(value))
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
