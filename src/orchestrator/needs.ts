import type { JsonValue } from '../core/json.js'
import type { Playbook, Step, Transition } from '../playbook/model.js'
import { referencesOf } from '../template/index.js'
import { definitionOf } from '../tools/index.js'
import { effectiveCall } from './prepare.js'

/** The variables and step results that a step's templates can read; only these are loaded. */
export interface Needs {
  readonly vars: ReadonlySet<string> | 'all'
  readonly steps: ReadonlySet<string> | 'all'
}

export const EVERYTHING: Needs = { vars: 'all', steps: 'all' }

/** `prepare`: what the start of an attempt reads. `end`: what its end reads. */
export type Phase = 'prepare' | 'end'

const cache = new WeakMap<Step, Map<Phase, Needs>>()

/** What a step reads in a phase, found from its templates without running them; kept per step. */
export function needsOf(playbook: Playbook, step: Step, phase: Phase): Needs {
  const known = cache.get(step) ?? new Map<Phase, Needs>()
  cache.set(step, known)
  const needs = known.get(phase) ?? findNeeds(playbook, step, phase)
  known.set(phase, needs)
  return needs
}

function findNeeds(playbook: Playbook, step: Step, phase: Phase): Needs {
  const ending: JsonValue[] = [
    ...step.vars.after.map((entry) => entry.value),
    ...(step.loop?.taskVars.map((entry) => entry.value) ?? []),
    ...[...step.next, ...(step.cases ?? [])].flatMap(transitionTemplates),
    condition(step.retry?.when ?? null),
  ]
  if (phase === 'end') return needsOfTemplates(ending)
  const call = step.tool ? effectiveCall({ playbook, step }, step.tool) : null
  const seen = call ? (definitionOf(call.kind)?.contextNames?.(call.parameters) ?? []) : []
  if (seen === 'all') return EVERYTHING
  const loop = step.loop
  const options = loop
    ? [
        loop.collection,
        loop.concurrency,
        loop.limit,
        loop.chunk,
        condition(loop.where),
        condition(loop.orderBy?.expression ?? null),
      ]
    : []
  const starting = [...step.vars.before.map((entry) => entry.value), call?.parameters ?? null, step.timeout, ...options]
  return needsOfTemplates([...starting, ...ending], seen)
}

function transitionTemplates(transition: Transition): JsonValue[] {
  return [condition(transition.when), ...transition.targets.map((target) => target.args)]
}

/** A bare expression as a template. */
function condition(source: string | null): JsonValue {
  return source === null || source.includes('{{') ? source : `{{ ${source} }}`
}

function needsOfTemplates(templates: JsonValue[], names: readonly string[] = []): Needs {
  const { roots: written, members } = referencesOf(templates)
  const roots = new Set([...written, ...names])
  const bare = [...roots].filter((root) => root !== 'vars' && root !== 'results')
  const withMembers = (root: string): ReadonlySet<string> | 'all' => {
    if (!roots.has(root)) return new Set(bare)
    const read = names.includes(root) ? 'all' : (members.get(root) ?? 'all')
    return read === 'all' ? 'all' : new Set([...read, ...bare])
  }
  return { vars: withMembers('vars'), steps: withMembers('results') }
}
