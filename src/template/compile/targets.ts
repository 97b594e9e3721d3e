import { fail } from '../faults.js'
import type { Run } from '../run.js'
import type { Expression } from '../syntax/nodes.js'
import { iterate } from '../values/access.js'
import { Namespace, type Value } from '../values/values.js'
import type { Environment } from './environment.js'

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
    const target = environment.expression(node.target)
    const name = String(node.val.value)
    return (run, value) => {
      const namespace = target(run)
      run.at = node
      if (!(namespace instanceof Namespace))
        fail('only the members of a namespace can be set: what the context gives is read-only')
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
