import { TemplateFault } from '../faults.js'
import { methodHint } from '../methods/index.js'
import { chargeItems, chargeText, type Run } from '../run.js'
import type { CompareNode, Expression, ListNode, LookupNode, PairNode, SliceNode, SymbolNode } from '../syntax/nodes.js'
import { dictFrom, item, mappingEntries, member } from '../values/access.js'
import { compareValues, isEqual, isIn, isTrue } from '../values/compare.js'
import type { Arithmetic } from '../values/numbers.js'
import { binary, negative, positive } from '../values/operators.js'
import { slice } from '../values/slices.js'
import { toText } from '../values/text.js'
import { isMapping, Sequence, Undefined, unwrap, type Value } from '../values/values.js'
import { compileApply, compileCall, compileTest } from './calls.js'
import { type Environment, type Evaluate, pathOf } from './environment.js'

const MAX_AST_DEPTH = 400
const OPERATORS = { Add: '+', Sub: '-', Mul: '*', Div: '/', FloorDiv: '//', Mod: '%', Pow: '**' } as const

/** Compiles an expression to a closure whose result is a plain value (a step's result is unwrapped). */
export function compileExpression(node: Expression, environment: Environment): Evaluate {
  const evaluate = compileRaw(node, environment)
  if (node.typename !== 'Symbol' && node.typename !== 'LookupVal' && node.typename !== 'InlineIf') return evaluate
  return (run) => unwrap(evaluate(run))
}

/** Compiles an expression whose result may still be a step's result, on which `.data` and `.status` work. */
export function compileRaw(node: Expression, environment: Environment): Evaluate {
  environment.nodes += 1
  environment.depth += 1
  if (environment.depth > MAX_AST_DEPTH) {
    throw new TemplateFault('TEMPLATE_ERROR', `the expression has more than ${MAX_AST_DEPTH} levels`, node.lineno, node.colno)
  }
  const evaluate = compileNode(node, environment)
  environment.depth -= 1
  return evaluate
}

function compileNode(node: Expression, environment: Environment): Evaluate {
  switch (node.typename) {
    case 'Literal': {
      const { value } = node
      return () => value
    }
    case 'Symbol':
      return compileName(node, environment)
    case 'LookupVal':
      return compileLookup(node, environment)
    case 'FunCall':
      return compileCall(node, environment)
    case 'Apply':
      return compileApply(node, environment)
    case 'Test':
      return compileTest(node, environment)
    case 'Array':
    case 'Tuple':
      return compileItems(node, environment)
    case 'Dict':
      return compileDict(node, environment)
    case 'Compare':
      return compileCompare(node, environment)
    case 'Placeholder':
      throw new TemplateFault('TEMPLATE_ERROR', 'a filter has nothing to work on', node.lineno, node.colno)
    default:
      return compileOperator(node, environment)
  }
}

function compileName(node: SymbolNode, environment: Environment): Evaluate {
  const name = node.value
  environment.used.add(name)
  const isBound = environment.bound.has(name)
  return (run) => {
    if (isBound) {
      for (let scope = run.scope; scope !== null; scope = scope.parent) {
        const value = scope.values.get(name)
        if (value !== undefined) return value
      }
    }
    const value = run.context.lookup(name)
    if (value !== undefined) return value
    run.at = node
    return new Undefined(name, () => run.context.names())
  }
}

function compileLookup(node: LookupNode, environment: Environment): Evaluate {
  const target = compileRaw(node.target, environment)
  if (node.val.typename === 'Slice') return compileSlice(target, node.val, environment)
  if (node.val.typename === 'Literal' && typeof node.val.value === 'string') {
    const key = node.val.value
    return (run) => {
      const object = target(run)
      const found = member(run, object, key)
      if (found !== undefined) return found
      run.at = node
      return missing(run, node, object, key)
    }
  }
  const keyOf = compileExpression(node.val, environment)
  return (run) => {
    const object = target(run)
    const key = keyOf(run)
    run.at = node
    const found = item(run, object, key)
    return found === undefined ? missing(run, node, object, key) : found
  }
}

function missing(run: Run, node: LookupNode, object: Value, key: Value): Undefined {
  const path = pathOf(node)
  const plain = unwrap(object)
  const candidates = isMapping(plain)
    ? (): string[] => mappingEntries(run, plain).map(([name]) => toText(run, name))
    : (): string[] => []
  return new Undefined(path, candidates, typeof key === 'string' ? methodHint(plain, key) : '')
}

function compileSlice(target: Evaluate, node: SliceNode, environment: Environment): Evaluate {
  const bound = (part: Expression | null): Evaluate => (part === null ? () => null : compileExpression(part, environment))
  const [start, stop, step] = [bound(node.start), bound(node.stop), bound(node.step)]
  return (run) => {
    const value = target(run)
    const bounds = { start: start(run), stop: stop(run), step: step(run) }
    run.at = node
    return slice(run, value, bounds)
  }
}

function compileItems(node: ListNode<'Array', Expression> | ListNode<'Tuple', Expression>, environment: Environment): Evaluate {
  const items = node.children.map((child) => compileExpression(child, environment))
  const isTuple = node.typename === 'Tuple'
  return (run) => {
    run.at = node
    chargeItems(run, items.length + 1)
    const values = items.map((item) => item(run))
    return isTuple ? new Sequence('tuple', values) : values
  }
}

function compileDict(node: ListNode<'Dict', PairNode>, environment: Environment): Evaluate {
  const pairs = node.children.map(
    ({ key, value }) => [compileExpression(key, environment), compileExpression(value, environment)] as const,
  )
  return (run) => {
    const entries = pairs.map(([key, value]) => [key(run), value(run)] as const)
    run.at = node
    return dictFrom(run, entries)
  }
}

function compileCompare(node: CompareNode, environment: Environment): Evaluate {
  const first = compileExpression(node.expr, environment)
  const rest = node.ops.map((operand) => ({ operand, right: compileExpression(operand.expr, environment) }))
  return (run) => {
    let left = first(run)
    for (const { operand, right } of rest) {
      const value = right(run)
      run.at = operand
      if (!compare(run, operand.type, left, value)) return false
      left = value
    }
    return true
  }
}

function compare(run: Run, operator: string, left: Value, right: Value): boolean {
  switch (operator) {
    case '==':
      return isEqual(run, left, right)
    case '!=':
      return !isEqual(run, left, right)
    case 'in':
      return isIn(run, left, right)
    case 'not in':
      return !isIn(run, left, right)
    case '<':
      return compareValues(run, left, right) < 0
    case '<=':
      return compareValues(run, left, right) <= 0
    case '>':
      return compareValues(run, left, right) > 0
    default:
      return compareValues(run, left, right) >= 0
  }
}

type OperatorNode = Extract<
  Expression,
  { typename: 'InlineIf' | 'Concat' | 'Or' | 'And' | 'Not' | 'Neg' | 'Pos' | keyof typeof OPERATORS }
>

function compileOperator(node: OperatorNode, environment: Environment): Evaluate {
  if (node.typename === 'InlineIf') {
    const condition = compileExpression(node.cond, environment)
    const body = compileRaw(node.body, environment)
    const otherwise = node.else_ === null ? null : compileRaw(node.else_, environment)
    return (run) => (isTrue(run, condition(run)) ? body(run) : otherwise === null ? new Undefined('') : otherwise(run))
  }
  if ('target' in node) {
    const target = compileExpression(node.target, environment)
    if (node.typename === 'Not') return (run) => !isTrue(run, target(run))
    const apply = node.typename === 'Neg' ? negative : positive
    return (run) => {
      const value = target(run)
      run.at = node
      return apply(value)
    }
  }
  const left = compileExpression(node.left, environment)
  const right = compileExpression(node.right, environment)
  if (node.typename === 'Or' || node.typename === 'And') {
    const isOr = node.typename === 'Or'
    return (run) => {
      const value = left(run)
      return isTrue(run, value) === isOr ? value : right(run)
    }
  }
  if (node.typename === 'Concat') return compileConcat(left, right)
  return compileArithmetic(OPERATORS[node.typename], { node, left, right })
}

function compileConcat(left: Evaluate, right: Evaluate): Evaluate {
  return (run) => {
    const start = toText(run, left(run))
    const end = toText(run, right(run))
    chargeText(run, start.length + end.length)
    return start + end
  }
}

interface BinaryParts {
  readonly node: Expression
  readonly left: Evaluate
  readonly right: Evaluate
}

function compileArithmetic(operator: Arithmetic, { node, left, right }: BinaryParts): Evaluate {
  const general = (run: Run, a: Value, b: Value): Value => {
    run.at = node
    run.steps -= 1
    return binary(run, operator, a, b)
  }
  if (operator !== '+' && operator !== '-') return (run) => general(run, left(run), right(run))
  const sign = operator === '+' ? 1 : -1
  return (run) => {
    const a = left(run)
    const b = right(run)
    if (Number.isSafeInteger(a) && Number.isSafeInteger(b)) {
      const result = (a as number) + sign * (b as number)
      if (Number.isSafeInteger(result)) return result
    }
    return general(run, a, b)
  }
}
