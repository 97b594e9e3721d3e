import { fail } from '../faults.js'
import type { CallArguments } from '../operations.js'
import { chargeSteps, deeper, type Run, type Scope } from '../run.js'
import type { BodyNode, CallBlockNode, MacroNode, Parameter } from '../syntax/nodes.js'
import { dictFrom } from '../values/access.js'
import { toText } from '../values/text.js'
import { Callable, tuple, Undefined, type Value } from '../values/values.js'
import { compileArguments } from './calls.js'
import type { Environment, Evaluate, Print } from './environment.js'
import { append } from './output.js'

interface MacroPlan {
  readonly name: string
  readonly parameters: readonly { readonly name: string; readonly fallback: Evaluate | null }[]
  readonly body: Print
  readonly cost: number
  readonly takesRest: boolean
  readonly takesKeywords: boolean
  readonly takesCaller: boolean
}

interface MacroSource {
  readonly name: string
  readonly parameters: readonly Parameter[]
  readonly body: BodyNode
}

function planMacro(source: MacroSource, environment: Environment): MacroPlan {
  const outer = environment.used
  const before = environment.nodes
  environment.used = new Set()
  const parameters = source.parameters.map(({ name, fallback }) => ({
    name,
    fallback: fallback === null ? null : environment.expression(fallback),
  }))
  const body = environment.body(source.body.children)
  const { used } = environment
  environment.used = new Set([...outer, ...used])
  return {
    name: source.name,
    parameters,
    body,
    cost: environment.nodes - before + 1,
    takesRest: used.has('varargs'),
    takesKeywords: used.has('kwargs'),
    takesCaller: used.has('caller'),
  }
}

function createMacro(plan: MacroPlan, scope: Scope | null): Callable {
  const call = (run: Run, given: CallArguments): Value =>
    deeper(run, () => {
      chargeSteps(run, plan.cost)
      const outer = run.scope
      const output = { text: '' }
      try {
        run.scope = { values: new Map(), parent: scope }
        bind(run, plan, given)
        plan.body(run, output)
      } finally {
        run.scope = outer
      }
      return output.text
    })
  return new Callable(plan.name, call, membersOf(plan))
}

function membersOf(plan: MacroPlan): ReadonlyMap<string, Value> {
  return new Map<string, Value>([
    ['name', plan.name],
    ['arguments', tuple(...plan.parameters.map(({ name }) => name))],
    ['catch_kwargs', plan.takesKeywords],
    ['catch_varargs', plan.takesRest],
    ['caller', plan.takesCaller],
  ])
}

function bind(run: Run, plan: MacroPlan, given: CallArguments): void {
  const values = run.scope?.values ?? new Map<string, Value>()
  const keywords = new Map(given.keywords)
  plan.parameters.forEach(({ name, fallback }, index) => {
    const value = index < given.positional.length ? given.positional[index] : keywords.get(name)
    if (index < given.positional.length && keywords.has(name)) fail(`macro ${plan.name} got two values for "${name}"`)
    keywords.delete(name)
    const resolved = value === undefined && fallback !== null ? fallback(run) : value
    values.set(name, resolved === undefined ? new Undefined(name) : resolved)
  })
  const caller = keywords.get('caller')
  if (plan.takesCaller) {
    values.set('caller', caller ?? new Undefined('caller'))
    keywords.delete('caller')
  } else if (caller !== undefined) fail(`macro ${plan.name} was called with a body, but does not use caller()`)
  const rest = given.positional.slice(plan.parameters.length)
  if (plan.takesRest) values.set('varargs', tuple(...rest))
  else if (rest.length > 0) fail(`macro ${plan.name} takes ${plan.parameters.length} arguments, ${given.positional.length} given`)
  if (plan.takesKeywords) values.set('kwargs', dictFrom(run, keywords))
  else for (const name of keywords.keys()) fail(`macro ${plan.name} has no argument "${name}"`)
}

export function compileMacro(node: MacroNode, environment: Environment): Print {
  const plan = planMacro(node, environment)
  return (run) => {
    run.scope ??= { values: new Map(), parent: null }
    run.scope.values.set(node.name, createMacro(plan, run.scope))
  }
}

/** `{% call(x) macro() %}body{% endcall %}`: the body is the macro's `caller`. */
export function compileCallBlock(node: CallBlockNode, environment: Environment): Print {
  const plan = planMacro({ name: 'caller', parameters: node.parameters, body: node.body }, environment)
  const callee = environment.expression(node.call.name)
  const args = compileArguments(node.call.args, environment)
  return (run, output) => {
    const macro = callee(run)
    const given = args(run)
    run.at = node
    if (!(macro instanceof Callable)) return fail('the call tag needs a macro')
    const keywords = new Map(given.keywords).set('caller', createMacro(plan, run.scope))
    return append(run, output, toText(run, macro.invoke(run, { positional: given.positional, keywords })))
  }
}
