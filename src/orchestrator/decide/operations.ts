import type { VariableWrite } from '../../commit/record.js'
import { TransientError } from '../../core/errors.js'
import { isJsonNumber, type JsonValue, numberText } from '../../core/json.js'
import type { Operations, VariableOperation } from '../../playbook/model.js'
import { countRule } from '../../playbook/numbers.js'
import { NO_OPERATIONS } from '../../playbook/operations.js'
import { type ContextLayers, createContext, renderTree } from '../../template/index.js'
import { requireNumber } from './numbers.js'
import { trackSensitive } from './sensitive.js'
import type { Decision, Snapshot } from './types.js'
import { checkValue, withoutShared } from './vars.js'

/**
 * A step's operations on variables of others, rendered with what its `vars` gave. Pure.
 * @throws TransientError TEMPLATE_*, TOO_LARGE for the first that cannot be
 */
export function evaluateOperations(
  { globals, parent, root }: Operations<VariableOperation>,
  snapshot: Snapshot,
  layersNow: () => ContextLayers,
): Operations<VariableWrite> {
  if (globals.length + parent.length + root.length === 0) return NO_OPERATIONS
  const layers = layersNow()
  const evaluate = (operations: readonly VariableOperation[]) => evaluateAll(operations, snapshot, layers)
  return { globals: evaluate(globals), parent: evaluate(parent), root: evaluate(root) }
}

function evaluateAll(operations: readonly VariableOperation[], snapshot: Snapshot, layers: ContextLayers): VariableWrite[] {
  return operations.map((operation) => {
    const { name, at } = operation
    if (operation.operation === 'delete') return { operation: 'delete', name }
    const unreadable = snapshot.sensitive?.unreadable
    const { value, isSensitive } = trackSensitive({ template: operation.value, layers, at, unreadable }, () => {
      const rendered = renderTree(operation.value, createContext(layers), at)
      checkValue({ name, at }, rendered, snapshot.evaluationLimits?.budget)
      return withoutShared(rendered, layers.vars)
    })
    const sourceStep = snapshot.step.name
    const secret = isSensitive ? { isSensitive } : {}
    if (operation.operation === 'append') return { operation: 'append', name, value, sourceStep, ...secret }
    if (operation.operation === 'set') {
      const ttl = ttlOf(operation, snapshot, layers)
      return { operation: 'set', name, value, type: 'step_result', sourceStep, ...secret, ...ttl }
    }
    if (isSensitive) throw new TransientError('TEMPLATE_ERROR', `${at}: a variable cannot be incremented by something sensitive`)
    return { operation: 'increment', name, by: decimalOf(value, at), sourceStep }
  })
}

function ttlOf({ ttl, at: place }: VariableOperation & { operation: 'set' }, { sensitive }: Snapshot, layers: ContextLayers) {
  if (ttl === null) return {}
  const at = `${place}.ttl`
  const tracked = { template: ttl, layers, at, unreadable: sensitive?.unreadable }
  const { value } = trackSensitive(tracked, () => requireNumber(renderTree(ttl, createContext(layers), at), at, countRule(1)))
  return { ttl: value }
}

function decimalOf(value: JsonValue, at: string): string {
  if (isJsonNumber(value)) return numberText(value)
  throw new TransientError('TEMPLATE_ERROR', `${at}: increment needs a number, and the template gave none`)
}

/** The same decision, whose events say which revision of the space its templates saw. */
export function withRevision(decision: Decision, { globals, playbook }: Snapshot): Decision {
  if (!globals) return decision
  const seen = { space: playbook.space, revision: globals.revision }
  return { ...decision, events: decision.events.map((event) => ({ ...event, data: { ...event.data, globals: seen } })) }
}
