import type { Step } from './model.js'
import { nearestName, report } from './reader.js'
import type { StepReading } from './steps.js'

/** Needs no definition: a branch that goes there ends. */
const END = 'end'

export interface Workflow {
  readonly readings: readonly StepReading[]
  /** Where executions begin: the first step, and that of `finally`. */
  readonly roots: readonly string[]
  /** Whether every step could be read. */
  readonly isComplete: boolean
}

/** Checks the steps against each other: names twice, targets that do not exist, steps that nothing leads to. */
export function checkGraph({ readings, roots, isComplete }: Workflow): void {
  let isCertain = isComplete && readings.every((reading) => reading.isRouted)
  const lines = new Map<string, StepReading>()
  for (const reading of readings) {
    const { name } = reading.step
    const first = lines.get(name)
    if (!first) lines.set(name, reading)
    else {
      isCertain = false
      report(reading.at, `duplicate step "${name.slice(0, 60)}": it is defined before at ${first.step.at}`)
    }
  }
  const known = [...lines.keys(), END]
  for (const { targets } of readings) {
    for (const { step, at } of targets) {
      if (step === END || lines.has(step)) continue
      isCertain = false
      report(at, `there is no step "${step.slice(0, 60)}"${nearestName(at, step, known)}`)
    }
  }
  // What leads nowhere because of an error above is no news.
  if (!isCertain) return
  checkJoins(lines)
  const reached = findReached(lines, roots)
  for (const { step, at } of lines.values()) {
    if (step.name !== END && !reached.has(step.name))
      report(at, `nothing leads to the step "${step.name.slice(0, 60)}"`, 'warning')
  }
}

/** Says where fewer transitions lead to a step than it joins. */
function checkJoins(readings: ReadonlyMap<string, StepReading>): void {
  const leading = [...readings.values()].flatMap(({ step }) => targetsOf(step))
  for (const { step, at } of readings.values()) {
    if (step.join === null) continue
    const needed = typeof step.join === 'number' ? Math.max(step.join, 2) : 2
    const found = leading.filter((target) => target === step.name).length
    const word = found === 1 ? 'only one transition leads' : `${found} transitions lead`
    if (found < needed)
      report(
        at,
        `"${step.name.slice(0, 60)}" joins branches, but ${word} to it: join is for a step that several lead to`,
        'warning',
      )
  }
}

function findReached(readings: ReadonlyMap<string, StepReading>, roots: readonly string[]): Set<string> {
  const reached = new Set<string>()
  const waiting = [...roots]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (reached.has(name)) continue
    reached.add(name)
    const step = readings.get(name)?.step
    for (const target of step ? targetsOf(step) : []) waiting.push(target)
  }
  return reached
}

function targetsOf(step: Step): string[] {
  return [...step.next, ...(step.cases ?? [])].flatMap((transition) => transition.targets.map((target) => target.step))
}
