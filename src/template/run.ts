import { EvaluationTimeout, forbid, MAX_CLOCK_MS } from './faults.js'
import type { NameSource, Position, Run } from './values/values.js'

export type { NameSource, Position, Run, Scope } from './values/values.js'

export const MAX_STEPS = 300_000
export const MAX_ALLOCATION = 4 * 1024 * 1024
export const MAX_DEPTH = 60
const LIST_PLACE = 8
/** Steps between two looks at the clock: below a millisecond, and small templates never look. */
const CLOCK_STEPS = 2000
const START: Position = { lineno: 0, colno: 0 }

export function createRun(context: NameSource): Run {
  return {
    context,
    scope: null,
    steps: MAX_STEPS,
    allocation: MAX_ALLOCATION,
    depth: 0,
    changedLists: null,
    changedDicts: null,
    at: START,
    checkAt: MAX_STEPS - CLOCK_STEPS,
    startedAtMs: null,
  }
}

/** Charges work before it is done. */
export function chargeSteps(run: Run, count: number): void {
  run.steps -= count
  if (!(run.steps >= run.checkAt)) checkBudget(run)
}

function checkBudget(run: Run): void {
  if (!(run.steps >= 0)) forbid(`the template takes too many steps (limit ${MAX_STEPS})`)
  const { backstop } = run.context
  const now = backstop.elapsedMs()
  run.checkAt = Math.max(0, run.steps - CLOCK_STEPS)
  run.startedAtMs ??= now
  if (now - run.startedAtMs <= MAX_CLOCK_MS) return
  if (!backstop.isLastTry) throw new EvaluationTimeout()
  forbid(`the template takes more than ${MAX_CLOCK_MS} ms`)
}

/** Charges text before it is made. */
export function chargeText(run: Run, length: number): void {
  run.allocation -= length
  if (!(run.allocation >= 0)) forbid(`the template makes too much text or data (limit ${MAX_ALLOCATION} characters)`)
}

/** Charges a list before it is made: its places, and touching each once. */
export function chargeItems(run: Run, count: number): void {
  chargeText(run, count * LIST_PLACE)
  chargeSteps(run, count)
}

/** Runs one level deeper: calls and nested data. */
export function deeper<T>(run: Run, work: () => T): T {
  if (run.depth >= MAX_DEPTH) forbid(`the template nests too deeply (limit ${MAX_DEPTH})`)
  run.depth += 1
  try {
    return work()
  } finally {
    run.depth -= 1
  }
}
