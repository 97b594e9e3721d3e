import type { JsonObject } from '../../core/json.js'
import { storableText } from '../../core/text.js'
import type { Target, Transition } from '../../playbook/model.js'
import { MASK } from '../../sealing/mask.js'
import type { Sensitive } from '../../sealing/sensitive.js'
import { type ContextLayers, createContext, evaluateCondition, renderTree } from '../../template/index.js'
import { isStepFault, trackSensitive, trackSensitiveCondition } from './sensitive.js'
import { checkStorable } from './storable.js'

export interface RoutingRequest {
  readonly next: readonly Transition[]
  readonly cases: readonly Transition[] | null
  readonly isFailed: boolean
  readonly isIterator: boolean
  /** The context after the step's vars. */
  readonly layers: ContextLayers
  readonly unreadable: Sensitive['unreadable'] | undefined
}

/** Why a transition fired or did not: kept in the event, for "why this route". */
export interface RouteTrace {
  readonly at: string
  readonly when: string | null
  readonly event: string | null
  /** true, false, or why the condition (or the arguments) could not be evaluated; the mask where it reads something sensitive. */
  readonly outcome: boolean | string
}

export interface RoutedTarget {
  readonly step: string
  readonly args: JsonObject
  readonly isSensitive: boolean
}

export interface Routing {
  /** Whether any transition fired; a failed step is handled only then. */
  readonly isHandled: boolean
  readonly targets: readonly RoutedTarget[]
  readonly trace: readonly RouteTrace[]
}

/**
 * Decides where an execution goes after a step (playbooks.md, "After a step", 3). Pure.
 * @throws TransientError TEMPLATE_* when a `when` or an argument of a successful step cannot be evaluated
 */
export function route(request: RoutingRequest): Routing {
  const trace: RouteTrace[] = []
  const fired = request.cases ? matchCase(request, request.cases, trace) : []
  const transitions = fired.length > 0 ? fired : matchNext(request, trace)
  const context = createContext(request.layers)
  const targets = transitions.flatMap((transition) =>
    transition.targets.map((target, index) =>
      renderTarget(target, { at: `${transition.at}.then[${index}]`, context, request, trace }),
    ),
  )
  return { isHandled: transitions.length > 0, targets, trace }
}

function renderTarget(
  target: Target,
  {
    at,
    context,
    request,
    trace,
  }: { at: string; context: ReturnType<typeof createContext>; request: RoutingRequest; trace: RouteTrace[] },
): RoutedTarget {
  const { step, args: template } = target
  const { layers, unreadable } = request
  const where = `${at}.args`
  try {
    const { value, isSensitive } = trackSensitive({ template, layers, at: where, unreadable }, () =>
      checkStorable(renderTree(template, context, where) as JsonObject, where),
    )
    return { step, args: value, isSensitive }
  } catch (error) {
    if (!request.isFailed || !isStepFault(error)) throw error
    trace.push({ at: where, when: null, event: null, outcome: storableText(error.message) })
    return { step, args: {}, isSensitive: false }
  }
}

/** The first match only, for each name that the event goes by. */
function matchCase(request: RoutingRequest, cases: readonly Transition[], trace: RouteTrace[]): Transition[] {
  for (const name of eventNames(request)) {
    const layers = { ...request.layers, locals: { ...request.layers.locals, event: { name } } }
    for (const transition of cases) {
      if (transition.isElse || transition.when === null) {
        if (request.isFailed || name !== 'step.exit') continue
        trace.push({ at: transition.at, when: transition.when, event: name, outcome: true })
        return [transition]
      }
      if (holds(transition, { request, layers, event: name, trace })) return [transition]
    }
  }
  return []
}

function eventNames({ isFailed, isIterator }: RoutingRequest): string[] {
  return [isFailed ? 'call.error' : 'call.done', ...(isIterator ? ['loop.done'] : []), 'step.exit']
}

/** Every match, plain entries together with them; `else` where no condition held. */
function matchNext(request: RoutingRequest, trace: RouteTrace[]): Transition[] {
  const { next, isFailed, layers } = request
  const conditional = next.filter((transition) => transition.when !== null)
  const matched = new Set(conditional.filter((transition) => holds(transition, { request, layers, event: null, trace })))
  return next.filter((transition) => {
    if (transition.when !== null) return matched.has(transition)
    if (isFailed) return false
    return transition.isElse ? matched.size === 0 : true
  })
}

function holds(
  transition: Transition,
  {
    request,
    layers,
    event,
    trace,
  }: { request: RoutingRequest; layers: ContextLayers; event: string | null; trace: RouteTrace[] },
): boolean {
  const when = transition.when ?? ''
  try {
    const tracked = { template: when, layers, at: `${transition.at}.when`, unreadable: request.unreadable }
    const { value, isSensitive } = trackSensitiveCondition(tracked, () =>
      evaluateCondition(when, createContext(layers), tracked.at),
    )
    trace.push({ at: transition.at, when, event, outcome: isSensitive ? MASK : value })
    return value
  } catch (error) {
    if (!request.isFailed || !isStepFault(error)) throw error
    trace.push({ at: transition.at, when, event, outcome: storableText(error.message) })
    return false
  }
}
