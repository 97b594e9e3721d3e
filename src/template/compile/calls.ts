import { fail, forbid, TemplateFault } from '../faults.js'
import { findFunction } from '../functions.js'
import { findMethod } from '../methods/index.js'
import {
  bindArguments,
  type CallArguments,
  findOperation,
  NO_ARGUMENTS,
  type Operation,
  type OperationTable,
} from '../operations.js'
import { chargeSteps, type Position, type Run } from '../run.js'
import { nearestName } from '../suggest.js'
import type { ApplyNode, ArgumentsNode, CallNode, Expression } from '../syntax/nodes.js'
import { filters, tests } from '../tables.js'
import { iterate, mappingEntries, member } from '../values/access.js'
import { raiseUndefined } from '../values/undefined.js'
import { Callable, Instance, isMapping, typeName, Undefined, unwrap, type Value } from '../values/values.js'
import { type Environment, type Evaluate, pathOf } from './environment.js'

/** Names through which JavaScript and Python objects lead to code. */
const CLOSED = /^(?:__.*|constructor|prototype)$/

export type EvaluateArguments = (run: Run) => CallArguments

export function compileArguments(node: ArgumentsNode, environment: Environment): EvaluateArguments {
  const positional = node.positional.map((argument) => environment.expression(argument))
  const keywords = node.keywords.map(({ name, value }) => [name, environment.expression(value)] as const)
  const rest = node.rest === null ? null : environment.expression(node.rest)
  const restKeywords = node.restKeywords === null ? null : environment.expression(node.restKeywords)
  if (positional.length + keywords.length === 0 && rest === null && restKeywords === null) return () => NO_ARGUMENTS
  return (run) => {
    const values = positional.map((argument) => argument(run))
    const named = new Map(keywords.map(([name, value]) => [name, value(run)]))
    if (rest !== null) values.push(...iterate(run, rest(run)).slice(0, 10_000))
    if (restKeywords !== null) addKeywords(run, named, restKeywords(run))
    return { positional: values, keywords: named }
  }
}

function addKeywords(run: Run, named: Map<string, Value>, value: Value): void {
  if (!isMapping(value)) fail(`"**" needs a dict, not ${typeName(value)}`)
  for (const [key, entry] of mappingEntries(run, value)) {
    if (typeof key !== 'string') fail('the keys after "**" must be texts')
    named.set(key, entry)
  }
}

/** Calls a method of a table, a function or a macro. Nothing else can be called. */
export function compileCall(node: CallNode, environment: Environment): Evaluate {
  const args = compileArguments(node.args, environment)
  if (node.name.typename === 'LookupVal' && node.name.val.typename === 'Literal' && typeof node.name.val.value === 'string') {
    return compileMethod(node, { target: environment.raw(node.name.target), name: node.name.val.value, args })
  }
  const callee = environment.expression(node.name)
  const name = node.name.typename === 'Symbol' ? node.name.value : null
  return (run) => {
    const value = callee(run)
    const given = args(run)
    run.at = node
    chargeSteps(run, 1)
    const called = value instanceof Callable || value instanceof Instance || name === null ? value : (findFunction(name) ?? value)
    return invoke(run, called, { given, path: pathOf(node.name) })
  }
}

interface MethodCall {
  readonly target: Evaluate
  readonly name: string
  readonly args: EvaluateArguments
}

function compileMethod(node: CallNode, { target, name, args }: MethodCall): Evaluate {
  return (run) => {
    const subject = target(run)
    run.at = node
    const plain = unwrap(subject)
    const method = findMethod(plain, name)
    if (method !== undefined) return applyOperation(run, method, { name, subject: plain, at: node, given: args(run) })
    if (plain instanceof Undefined) raiseUndefined(plain)
    const value = plain instanceof Instance ? plain.methods.get(name) : member(run, subject, name)
    if (value === undefined) {
      if (CLOSED.test(name)) forbid(`"${name}" is closed to templates`)
      fail(`a ${typeName(plain)} has no method "${name}"`)
    }
    return invoke(run, value, { given: args(run), path: pathOf(node.name) })
  }
}

function invoke(run: Run, value: Value, call: { readonly given: CallArguments; readonly path: string }): Value {
  if (value instanceof Undefined) return raiseUndefined(value)
  const callable = value instanceof Instance ? value.self : value
  if (callable instanceof Callable) return callable.invoke(run, call.given)
  return fail(`${call.path} is a ${typeName(value)} and cannot be called`)
}

interface Application {
  readonly name: string
  readonly subject: Value
  readonly at: Position
  readonly given: CallArguments
}

function applyOperation(run: Run, operation: Operation, { name, subject, at, given }: Application): Value {
  run.at = at
  chargeSteps(run, 1)
  const bound = bindArguments(name, operation.parameters, given)
  return operation.call(run, subject, bound)
}

function resolve(table: OperationTable, kind: 'filter' | 'test', node: ApplyNode<'Apply' | 'Test'>): Operation {
  const operation = findOperation(table, node.name)
  if (operation !== undefined) return operation
  const near = nearestName(node.name, Object.keys(table))
  const suggestion = near === null ? '' : ` (did you mean ${near}?)`
  throw new TemplateFault('TEMPLATE_ERROR', `unknown ${kind} "${node.name}"${suggestion}`, node.lineno, node.colno)
}

/** `target | name(args)`. @param target what to work on, where it is not an expression (a block's text) */
export function compileApply(node: ApplyNode<'Apply'>, environment: Environment, target?: Evaluate): Evaluate {
  const operation = resolve(filters, 'filter', node)
  const subject = compileFilterTarget(node.target, environment, target)
  const args = compileArguments(node.args, environment)
  return (run) => {
    const value = subject(run)
    return applyOperation(run, operation, { name: node.name, subject: value, at: node, given: args(run) })
  }
}

/** A chain of filters over a block's text. */
export function compileFilterTarget(node: Expression, environment: Environment, target?: Evaluate): Evaluate {
  if (node.typename === 'Placeholder' && target !== undefined) return target
  if (node.typename === 'Apply' && target !== undefined) return compileApply(node, environment, target)
  return environment.expression(node)
}

export function compileTest(node: ApplyNode<'Test'>, environment: Environment): Evaluate {
  const operation = resolve(tests, 'test', node)
  const subject = environment.expression(node.target)
  const args = compileArguments(node.args, environment)
  return (run) => {
    const value = subject(run)
    return applyOperation(run, operation, { name: node.name, subject: value, at: node, given: args(run) })
  }
}
