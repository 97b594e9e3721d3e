import type { JsonObject, JsonValue } from '../core/json.js'
import { findFunction } from './functions.js'
import type { NameSource } from './run.js'
import { type ContextLayers, type ContextValue, type EvaluationLimits, StepValue } from './types.js'
import type { Value } from './values/values.js'

/** What templates read. Made once per change of its layers; making it copies nothing. */
export interface TemplateContext extends NameSource {
  readonly layers: ContextLayers
}

const SYSTEM_LIMITS: EvaluationLimits = { elapsedMs: () => performance.now(), isLastTry: true }
const EMPTY: Readonly<Record<string, never>> = {}

type Layer = Readonly<Record<string, ContextValue>>

/** A context whose names resolve in the order of the layers; `vars`, `workload`, `results` and `globals` are always their own layer. */
export function createContext(layers: ContextLayers): TemplateContext {
  const vars: Layer = layers.vars ?? EMPTY
  const workload: Layer = layers.workload ?? EMPTY
  const steps: Layer = layers.steps ?? EMPTY
  const globals: Layer = layers.globals ?? EMPTY
  const order: readonly Layer[] = [layers.locals ?? EMPTY, vars, steps, workload, layers.builtins ?? EMPTY]
  return {
    layers,
    lookup(name): Value | undefined {
      if (name === 'vars') return vars
      if (name === 'workload') return workload
      if (name === 'results') return steps
      if (name === 'globals') return globals
      for (const layer of order) if (Object.hasOwn(layer, name)) return layer[name]
      return findFunction(name)
    },
    *names() {
      for (const layer of order) yield* Object.keys(layer)
      yield* ['vars', 'workload', 'results', 'globals']
    },
    now: () => layers.now ?? new Date(),
    evaluationLimits: layers.evaluationLimits ?? SYSTEM_LIMITS,
  }
}

/** The whole context as one dict without `env`: what python's `main(context)` gets. Bare names as templates resolve them. */
export function toPlainContext(layers: ContextLayers): JsonObject {
  const steps = plainLayer(layers.steps ?? EMPTY)
  const merged = {
    ...plainLayer(layers.builtins ?? EMPTY),
    ...layers.workload,
    ...steps,
    ...layers.vars,
    ...plainLayer(layers.locals ?? EMPTY),
    vars: layers.vars ?? {},
    workload: layers.workload ?? {},
    results: steps,
  }
  const { env: _, ...context } = merged as JsonObject
  return context
}

function plainLayer(layer: Layer): JsonObject {
  return Object.fromEntries(
    Object.entries(layer).map(([name, value]): [string, JsonValue] => [name, value instanceof StepValue ? value.value : value]),
  )
}
