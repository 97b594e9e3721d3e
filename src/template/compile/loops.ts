import { fail } from '../faults.js'
import { chargeSteps, deeper, type Run } from '../run.js'
import type { ForNode } from '../syntax/nodes.js'
import { iterate } from '../values/access.js'
import { isEqual, isTrue } from '../values/compare.js'
import { Callable, Instance, Undefined, type Value } from '../values/values.js'
import type { Environment, Output, Print } from './environment.js'
import { type Assigner, compileTarget } from './targets.js'

interface LoopPlan {
  readonly node: ForNode
  readonly assign: Assigner
  readonly test: ((run: Run) => Value) | null
  readonly body: Print
  readonly otherwise: Print | null
  /** Nodes of the body: what one pass costs. */
  readonly cost: number
}

/** `{% for x in items if test recursive %}` with `loop` and `else`. */
export function compileFor(node: ForNode, environment: Environment): Print {
  const items = environment.expression(node.items)
  const assign = compileTarget(node.target, environment)
  const before = environment.nodes
  const test = node.test === null ? null : environment.expression(node.test)
  const body = environment.body(node.body.children)
  const cost = environment.nodes - before + 1
  const otherwise = node.otherwise === null ? null : environment.body(node.otherwise.children)
  const plan: LoopPlan = { node, assign, test, body, otherwise, cost }
  return (run, output) => {
    const value = items(run)
    run.at = node
    runLoop(run, plan, { value, depth: 1, output })
  }
}

interface LoopCall {
  readonly value: Value
  readonly depth: number
  readonly output: Output
}

function runLoop(run: Run, plan: LoopPlan, call: LoopCall): void {
  const outer = run.scope
  try {
    const items = filtered(run, plan, iterate(run, call.value))
    if (items.length === 0) {
      plan.otherwise?.(run, call.output)
      return
    }
    const state = { index: 0 }
    const loop = createLoop(plan, { items, state, depth: call.depth })
    for (const [index, item] of items.entries()) {
      run.at = plan.node
      chargeSteps(run, plan.cost)
      state.index = index
      run.scope = { values: new Map([['loop', loop]]), parent: outer }
      plan.assign(run, item)
      plan.body(run, call.output)
    }
  } finally {
    run.scope = outer
  }
}

function filtered(run: Run, plan: LoopPlan, items: readonly Value[]): readonly Value[] {
  const { test } = plan
  if (test === null) return items
  const outer = run.scope
  return items.filter((item) => {
    chargeSteps(run, plan.cost)
    run.scope = { values: new Map(), parent: outer }
    plan.assign(run, item)
    const isKept = isTrue(run, test(run))
    run.scope = outer
    return isKept
  })
}

interface LoopState {
  readonly items: readonly Value[]
  readonly state: { index: number }
  readonly depth: number
}

function createLoop(plan: LoopPlan, { items, state, depth }: LoopState): Instance {
  const { length } = items
  let last: readonly Value[] | null = null
  const at = (index: number, name: string): Value => {
    const item = items[index]
    return item === undefined ? new Undefined(`loop.${name}`) : item
  }
  const members = new Map<string, () => Value>([
    ['index', () => state.index + 1],
    ['index0', () => state.index],
    ['revindex', () => length - state.index],
    ['revindex0', () => length - state.index - 1],
    ['first', () => state.index === 0],
    ['last', () => state.index === length - 1],
    ['length', () => length],
    ['depth', () => depth],
    ['depth0', () => depth - 1],
    ['previtem', () => at(state.index - 1, 'previtem')],
    ['nextitem', () => at(state.index + 1, 'nextitem')],
  ])
  const methods = new Map<string, Callable>([
    [
      'cycle',
      new Callable('cycle', (_, { positional }) => {
        if (positional.length === 0) fail('loop.cycle needs at least one value')
        return positional[state.index % positional.length] as Value
      }),
    ],
    [
      'changed',
      new Callable('changed', (run, { positional }) => {
        const isChanged = last === null || !isEqual(run, last, positional)
        last = positional
        return isChanged
      }),
    ],
  ])
  const recurse = new Callable('loop', (run, { positional }) => {
    if (!plan.node.isRecursive) fail('the loop is not recursive: write {% for ... recursive %}')
    const output = { text: '' }
    const scope = run.scope
    run.scope = scope?.parent ?? null
    deeper(run, () => runLoop(run, plan, { value: positional[0] ?? null, depth: depth + 1, output }))
    run.scope = scope
    return output.text
  })
  return new Instance('loop', members, methods, recurse)
}
