import { isDeepStrictEqual } from 'node:util'
import type { Evidence, ExecutionLog, Expected } from './record.js'

type Checked = ExecutionLog & { readonly expected: Expected }

/** What is wrong with a run, in words; empty when nothing is. */
export type Checker = (evidence: Evidence) => string[]

/** A repeat may come so long after its fault: frozen, then its lease runs out, then it is offered again. */
const FAULT_REACHES_MS = 5_000

/** One checker for each promise of docs/durability.md; they see nothing but the evidence. */
export const CHECKERS = {
  complete: eachExecution(({ status, error, openTasks }) => [
    ...(status === 'completed' ? [] : [`${status}: ${JSON.stringify(error)}`]),
    ...(openTasks === 0 ? [] : [`${openTasks} tasks are open`]),
  ]),

  exact: eachExecution(({ variables, expected }) => {
    const actual = comparable(
      expected,
      variables.map(({ name, value }) => [name, value]),
    )
    const wanted = comparable(expected, Object.entries(expected.values))
    return isDeepStrictEqual(actual, wanted) ? [] : [`${JSON.stringify(actual)} instead of ${JSON.stringify(wanted)}`]
  }),

  /** One history row per change: each variable's versions are 1, 2, 3 ..., the last is what it holds, and no change is one too many. */
  logged: eachExecution(({ variables, changes, expected }) => {
    const wrong = variables.flatMap(({ name, value, version }) => {
      const own = changes.filter((change) => change.name === name)
      const isRow = own.every((change, index) => change.version === index + 1)
      const isLast = own.at(-1)?.version === version && isDeepStrictEqual(own.at(-1)?.value, value)
      return isRow && isLast ? [] : [`${name}: versions ${own.map((change) => change.version).join()}, it has ${version}`]
    })
    // Two iterations in a row with the same item change nothing: whether they come in a row is a matter of luck.
    const count = changes.filter(({ name }) => !expected.loose.includes(name)).length
    return count === expected.assignments ? wrong : [...wrong, `${count} changes instead of ${expected.assignments}`]
  }),

  gapless: eachExecution(({ revision, changes }) => {
    const seen = [...new Set(changes.map((change) => change.revision))]
    const isGapless = seen.length === revision && seen.every((at, index) => at === index + 1)
    return isGapless ? [] : [`revisions ${seen.join()} of ${revision}`]
  }),

  /** No visit or iteration was lost, or counted twice. */
  once: eachExecution(({ runs }) => {
    const names = runs.map(({ step, visit, iteration }) => `${step}/${visit}/${iteration ?? ''}`)
    const twice = names.filter((name, index) => names.indexOf(name) !== index)
    const unfinished = runs.filter(({ status }) => status !== 'succeeded').map(({ step, status }) => `${step} is ${status}`)
    return [...twice.map((name) => `${name} is there twice`), ...unfinished]
  }),

  /** No effect was left out; each is repeated at most once for each fault that could have hit it; all repeats are no more than the faults. */
  effects: ({ executions, effects, faults }) => {
    const byKey = timesByKey(effects)
    const missing = executions.flatMap(({ expected }) => expected.effects.filter((key) => !byKey.has(key)))
    const unexplained = [...byKey].flatMap(([key, times]) => {
      const [first, last] = [Math.min(...times) - FAULT_REACHES_MS, Math.max(...times)]
      const near = faults.filter(({ at }) => at >= first && at <= last).length
      return times.length - 1 <= near ? [] : [`${key} happened ${times.length} times, with ${near} faults around`]
    })
    const repeats = countRepeats(effects)
    const tooMany = repeats > faults.length ? [`${repeats} repeats with ${faults.length} faults`] : []
    return [...missing.map((key) => `${key} never happened`), ...unexplained, ...tooMany]
  },
} satisfies Record<string, Checker>

/** Everything that is wrong, by promise. */
export function checkAll(evidence: Evidence): string[] {
  return Object.entries(CHECKERS).flatMap(([name, check]) => check(evidence).map((fault) => `${name}: ${fault}`))
}

export function countRepeats(effects: Evidence['effects']): number {
  return effects.length - timesByKey(effects).size
}

function timesByKey(effects: Evidence['effects']): Map<string, number[]> {
  const times = new Map<string, number[]>()
  for (const { key, at } of effects) times.set(key, [...(times.get(key) ?? []), at])
  return times
}

function eachExecution(check: (execution: Checked) => string[]): Checker {
  return ({ executions }) => executions.flatMap((execution) => check(execution).map((fault) => `${execution.id}: ${fault}`))
}

function comparable({ unordered, loose }: Expected, entries: [string, unknown][]): Record<string, unknown> {
  const value = (name: string, given: unknown) => {
    if (loose.includes(name)) return 'anything'
    return unordered.includes(name) && Array.isArray(given) ? [...given].sort() : given
  }
  return Object.fromEntries(entries.map(([name, given]) => [name, value(name, given)]))
}
