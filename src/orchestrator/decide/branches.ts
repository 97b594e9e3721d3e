import type { EventDraft } from '../../commit/draft.js'
import type { BranchState, JoinState, RunState } from '../../commit/run.js'
import { TransientError } from '../../core/errors.js'
import type { JsonObject } from '../../core/json.js'
import type { Playbook, Step } from '../../playbook/model.js'
import type { RoutedTarget } from './routing.js'
import type { Command, Snapshot } from './types.js'

type VisitCommand = Extract<Command, { type: 'open_visit' | 'join_visit' }>

export interface Openings {
  readonly commands: readonly Command[]
  /** Visits that begin. */
  readonly opened: number
  readonly events: readonly EventDraft[]
}

/** A step with `join` as it was left by earlier arrivals. */
interface Joined {
  readonly join: JoinState
  readonly passed: BranchState['passed']
  readonly args: JsonObject
  readonly isSensitive: boolean
  /** null: it was opened by this decision. */
  readonly run: number | null
  /** Where in the decision's commands it stands; null: nowhere yet. */
  readonly at: number | null
}

/**
 * What opens where a visit leads. A step with `join` opens at the first branch that arrives and begins when enough have; each passing of it is a
 * round. A branch whose round has begun already is absorbed. Pure.
 */
export function openTargets(snapshot: Snapshot, targets: readonly RoutedTarget[]): Openings {
  const commands: VisitCommand[] = []
  const events: EventDraft[] = []
  const joins = new Map<string, Joined>()
  const passed = passedBy(snapshot.run)
  for (const target of targets) {
    const step = snapshot.playbook.steps.find(({ name }) => name === target.step)
    if (!step) continue
    const { args, isSensitive } = target
    if (step.join === null) {
      commands.push({
        type: 'open_visit',
        step,
        args,
        isSensitive,
        branch: Object.keys(passed).length > 0 ? { passed, join: null } : null,
      })
      continue
    }
    const before = joins.get(step.name) ?? latestOf(snapshot.visits, step.name)
    const round = passed[step.name] ?? 0
    const from = { from: snapshot.step.name }
    if (before && (round < before.join.round || (round === before.join.round && before.join.status !== 'open'))) {
      events.push(eventOf('branch.absorbed', step, before.run, from))
      continue
    }
    const first = { join: { round, arrived: 0 }, passed: {}, args: {}, isSensitive: false, run: null, at: null }
    const { run, at, ...joined } = before && before.join.status === 'open' ? before : first
    const arrived = joined.join.arrived + 1
    const status = step.join !== 'all' && arrived >= step.join ? 'begun' : 'open'
    const merged = {
      join: { round, arrived, status } as const,
      passed: latest(joined.passed, passed),
      args: { ...joined.args, ...args },
      isSensitive: joined.isSensitive || isSensitive,
    }
    const given = { args: merged.args, isSensitive: merged.isSensitive, branch: { passed: merged.passed, join: merged.join } }
    const command: VisitCommand =
      run === null ? { type: 'open_visit', step, ...given } : { type: 'join_visit', run, step, ...given }
    if (at === null) commands.push(command)
    else commands[at] = command
    joins.set(step.name, { ...merged, run, at: at ?? commands.length - 1 })
    events.push(eventOf('branch.arrived', step, run, { ...from, arrived, join: step.join }))
  }
  return { commands, opened: commands.filter(({ type }) => type === 'open_visit').length, events }
}

function eventOf(name: string, step: Step, run: number | null, data: JsonObject): EventDraft {
  return { name, step: step.name, run, attempt: null, data }
}

/** How often a branch that goes on from a visit has passed each step with `join`. */
function passedBy({ branch, step }: RunState): BranchState['passed'] {
  if (!branch) return {}
  return branch.join ? { ...branch.passed, [step]: branch.join.round + 1 } : branch.passed
}

function latest(left: BranchState['passed'], right: BranchState['passed']): BranchState['passed'] {
  const names = [...Object.keys(left), ...Object.keys(right)]
  return Object.fromEntries(names.map((name) => [name, Math.max(left[name] ?? 0, right[name] ?? 0)]))
}

function latestOf(visits: readonly RunState[], name: string): Joined | null {
  const own = visits.filter(({ step, branch }) => step === name && branch?.join)
  const last = own.reduce<RunState | null>((found, one) => (found === null || one.run > found.run ? one : found), null)
  if (!last?.branch?.join) return null
  const { run, args, isSensitive, branch } = last
  return { join: branch.join as JoinState, passed: branch.passed, args, isSensitive, run, at: null }
}

/** A visit that waits for other branches. */
export interface OpenJoin {
  readonly run: RunState
  readonly join: JoinState
}

/**
 * The next open join that no branch can reach any more, if any. Of joins that only wait for each other it is the one that was reached first. Pure.
 */
export function endedJoin(playbook: Playbook, live: readonly RunState[]): OpenJoin | null {
  const open = live.flatMap((run): OpenJoin[] => {
    const join = run.branch?.join
    return join?.status === 'open' ? [{ run, join }] : []
  })
  const found = open.find(({ run, join }) => !live.some((visit) => visit !== run && canArrive(playbook, visit, { run, join })))
  if (found) return found
  const others = live.filter(({ branch }) => branch?.join?.status !== 'open')
  return open.find((one) => !others.some((visit) => canArrive(playbook, visit, one))) ?? null
}

/** What is left of an earlier round would be absorbed. */
function canArrive(playbook: Playbook, visit: RunState, { run: { step }, join }: OpenJoin): boolean {
  return (visit.branch?.passed[step] ?? 0) === join.round && reachedFrom(playbook, visit.step).has(step)
}

/** How an open join that nothing more reaches goes on. */
export function closedJoin(step: Step, join: JoinState): JoinState {
  return { ...join, status: step.join === 'all' ? 'begun' : 'unmet' }
}

/** @throws TransientError TOOL_FAILED where fewer branches arrived than the step joins */
export function checkJoined({ step, run }: Pick<Snapshot, 'step' | 'run'>): void {
  const join = run.branch?.join
  if (join?.status !== 'unmet') return
  const message = `step "${step.name}" joins ${String(step.join)} branches, but ${join.arrived} arrived and no other can`
  throw new TransientError('TOOL_FAILED', message)
}

const REACHED = new WeakMap<Playbook, Map<string, ReadonlySet<string>>>()

/** The steps that a branch may come to after a step. */
function reachedFrom(playbook: Playbook, from: string): ReadonlySet<string> {
  const known = REACHED.get(playbook) ?? new Map<string, ReadonlySet<string>>()
  REACHED.set(playbook, known)
  const kept = known.get(from)
  if (kept) return kept
  const byName = new Map(playbook.steps.map((step) => [step.name, step]))
  const reached = new Set<string>()
  const waiting = [from]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const step = byName.get(name)
    for (const { targets } of step ? [...step.next, ...(step.cases ?? [])] : []) {
      for (const target of targets) {
        if (reached.has(target.step)) continue
        reached.add(target.step)
        waiting.push(target.step)
      }
    }
  }
  known.set(from, reached)
  return reached
}
