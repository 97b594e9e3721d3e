import { computedReach } from '../../commit/computed.js'
import type { JsonValue } from '../../core/json.js'
import type { ListedTool, Operations, Playbook, RetryRule, Step, Transition, VariableOperation } from '../../playbook/model.js'
import { waitTemplates } from '../../playbook/wait.js'
import { referencesOf } from '../../template/index.js'
import { definitionOf } from '../../tools/index.js'
import { effectiveCall } from './prepare.js'
import { callsOf, firstCallOf } from './tool-turn.js'

/** The variables and step results that a step's templates can read; only these are loaded. */
export interface Needs {
  readonly vars: ReadonlySet<string> | 'all'
  readonly steps: ReadonlySet<string> | 'all'
  /** Of the playbook's space. */
  readonly globals: ReadonlySet<string> | 'all'
}

const NONE: ReadonlySet<string> = new Set()

export const EVERYTHING: Needs = { vars: 'all', steps: 'all', globals: NONE }

/** `prepare`: what the start of an attempt reads. `end`: what its end reads. */
export type Phase = 'prepare' | 'end'

/** What is loaded at once: what a step reads and writes, and what steps do that may follow it in the same transaction. */
export interface Reach extends Needs {
  readonly written: ReadonlySet<string>
  /** Variables of others that may be written. */
  readonly outside: Operations<string>
}

/**
 * What a step needs in a phase, together with the steps without a tool that it may lead to, as these are run in the transaction
 * that opens them. Kept per step.
 */
export const reachOf = keptPerStep(findReach)

function findReach(playbook: Playbook, step: Step, phase: Phase): Reach {
  const own = needsOf(playbook, step, phase)
  const reach = {
    vars: united(own.vars, NONE),
    steps: united(own.steps, NONE),
    globals: united(own.globals, NONE),
    written: new Set<string>(),
  }
  const outside = { globals: new Set<string>(), parent: new Set<string>(), root: new Set<string>() }
  const addOutside = (from: Step) => {
    const { globals, parent, root } = operationsOf(from)
    for (const { name } of globals) outside.globals.add(name)
    for (const { name } of parent) outside.parent.add(name)
    for (const { name } of root) outside.root.add(name)
  }
  const leadsOn = phase === 'end' || (firstCallOf(step) === null && step.loop === null)
  // Where a tool is to run first, it is seldom more.
  for (const name of leadsOn ? writtenBy(step) : step.vars.before.map((entry) => entry.name)) reach.written.add(name)
  if (leadsOn) addOutside(step)
  const followers = leadsOn ? followersOf(playbook, step) : []
  for (const follower of followers) {
    const needs = needsOf(playbook, follower, 'prepare')
    reach.vars = united(reach.vars, needs.vars)
    reach.steps = united(reach.steps, needs.steps)
    reach.globals = united(reach.globals, needs.globals)
    addOutside(follower)
    for (const name of writtenBy(follower)) reach.written.add(name)
  }
  for (const name of computedReach(playbook.computed, [...reach.written])) reach.written.add(name)
  const { globals, parent, root } = outside
  return { ...reach, outside: { globals: [...globals], parent: [...parent], root: [...root] } }
}

const JOINS = new WeakMap<Playbook, readonly string[]>()

/** The steps that join branches. */
export function joinsOf(playbook: Playbook): readonly string[] {
  const known = JOINS.get(playbook)
  if (known) return known
  const joins = playbook.steps.filter(({ join }) => join !== null).map(({ name }) => name)
  JOINS.set(playbook, joins)
  return joins
}

/** Whether a step reads or writes variables of the space. */
export function usesGlobals(playbook: Playbook, step: Step): boolean {
  const { globals } = needsOf(playbook, step, 'prepare')
  return globals === 'all' || globals.size > 0 || operationsOf(step).globals.length > 0
}

/** Steps without a tool that may follow, over others of their kind. */
function followersOf(playbook: Playbook, step: Step): Step[] {
  const byName = new Map(playbook.steps.map((entry) => [entry.name, entry]))
  const found = new Set<Step>()
  const visit = (from: Step) => {
    for (const { targets } of [...from.next, ...(from.cases ?? [])]) {
      for (const target of targets) {
        const follower = byName.get(target.step)
        if (!follower || follower.tool || follower.tools || follower.loop || found.has(follower)) continue
        found.add(follower)
        visit(follower)
      }
    }
  }
  visit(step)
  return [...found]
}

/** What a step, or each of its iterations, does with variables of others. */
function operationsOf({ operations, loop }: Step): Operations<VariableOperation> {
  if (loop === null) return operations
  const { globals, parent, root } = loop.taskOperations
  return {
    globals: [...operations.globals, ...globals],
    parent: [...operations.parent, ...parent],
    root: [...operations.root, ...root],
  }
}

function united(left: ReadonlySet<string> | 'all', right: ReadonlySet<string> | 'all'): Set<string> | 'all' {
  return left === 'all' || right === 'all' ? 'all' : new Set([...left, ...right])
}

/** Every variable that a step may write; an iterator keeps four of its own. */
function writtenBy(step: Step): string[] {
  const ofTools = (step.tools ?? []).flatMap(({ vars, rules }) => [...vars, ...rules.flatMap((rule) => rule.vars)])
  const answers = step.wait?.ask?.isAgain ? step.wait.ask.names : []
  const entries = [...step.vars.before, ...step.vars.after, ...(step.loop?.taskVars ?? []), ...ofTools]
  const named = [...entries.map((entry) => entry.name), ...answers]
  return step.loop ? [...named, ...['total', 'count', 'index', 'item'].map((suffix) => `${step.name}_${suffix}`)] : named
}

/** What a step reads in a phase, found from its templates without running them; kept per step. */
export const needsOf = keptPerStep(findNeeds)

type Find<T> = (playbook: Playbook, step: Step, phase: Phase) => T

function keptPerStep<T>(find: Find<T>): Find<T> {
  const kept = new WeakMap<Step, Map<Phase, T>>()
  return (playbook, step, phase) => {
    const known = kept.get(step) ?? new Map<Phase, T>()
    kept.set(step, known)
    const found = known.get(phase) ?? find(playbook, step, phase)
    known.set(phase, found)
    return found
  }
}

/** The templates that are evaluated when an attempt has ended. */
export function endingTemplates(step: Step): JsonValue[] {
  return [
    ...step.vars.after.map((entry) => entry.value),
    ...(step.loop?.taskVars.map((entry) => entry.value) ?? []),
    ...Object.values(operationsOf(step))
      .flat()
      .flatMap((one) => ('value' in one ? [one.value, 'ttl' in one ? one.ttl : null] : [])),
    ...[...step.next, ...(step.cases ?? [])].flatMap(transitionTemplates),
    condition(step.retry?.when ?? null),
    ...(step.retry ? retryNumbers(step.retry) : []),
    ...(step.tools ?? []).flatMap(ruleTemplates),
  ]
}

function ruleTemplates({ vars, rules }: ListedTool): JsonValue[] {
  const ofRules = rules.flatMap((rule) => [
    condition(rule.when),
    ...[...rule.locals, ...rule.vars].map((entry) => entry.value),
    ...(rule.retry ? retryNumbers(rule.retry) : []),
  ])
  return [...vars.map((entry) => entry.value), ...ofRules]
}

function findNeeds(playbook: Playbook, step: Step, phase: Phase): Needs {
  const ending = endingTemplates(step)
  if (phase === 'end') return needsOfTemplates(ending)
  const calls = callsOf(step).map((call) => effectiveCall({ playbook, step }, call))
  const seen: string[] = []
  let isWhole = false
  for (const call of calls) {
    const names = definitionOf(call.kind)?.contextNames?.(call.parameters) ?? []
    if (names === 'all') isWhole = true
    else seen.push(...names)
  }
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
  const given = [...calls.map((call) => call.parameters), step.timeout, ...(step.tools ?? []).map((listed) => listed.timeout)]
  const waiting = step.wait ? waitTemplates(step.wait) : []
  const early = [...step.vars.before, ...step.locals, ...(loop?.taskLocals ?? [])].map((entry) => entry.value)
  const starting = [condition(step.when), ...waiting, ...early, ...given, ...options]
  const needs = needsOfTemplates([...starting, ...ending], seen)
  return isWhole ? { ...EVERYTHING, globals: needs.globals } : needs
}

function transitionTemplates(transition: Transition): JsonValue[] {
  return [condition(transition.when), ...transition.targets.map((target) => target.args)]
}

function retryNumbers({ maxAttempts, initialDelay, backoffMultiplier, maxDelay }: RetryRule): JsonValue[] {
  return [maxAttempts, initialDelay, backoffMultiplier, maxDelay]
}

/** A bare expression as a template. */
function condition(source: string | null): JsonValue {
  return source === null || source.includes('{{') ? source : `{{ ${source} }}`
}

function needsOfTemplates(templates: JsonValue[], names: readonly string[] = []): Needs {
  const { roots: written, members } = referencesOf(templates)
  const roots = new Set([...written, ...names])
  const bare = [...roots].filter((root) => !['vars', 'results', 'globals'].includes(root))
  const withMembers = (root: string): ReadonlySet<string> | 'all' => {
    if (!roots.has(root)) return new Set(bare)
    const read = names.includes(root) ? 'all' : (members.get(root) ?? 'all')
    return read === 'all' ? 'all' : new Set([...read, ...bare])
  }
  const globals = written.has('globals') ? (members.get('globals') ?? 'all') : NONE
  return { vars: withMembers('vars'), steps: withMembers('results'), globals }
}
