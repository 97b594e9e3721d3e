import { EvaluationTimeout, forbid, MAX_CLOCK_MS } from './faults.js'
import type { Budget } from './types.js'
import type { NameSource, Position, Run } from './values/values.js'

export type { NameSource, Position, Run, Scope } from './values/values.js'

export const MAX_STEPS = 300_000
export const MAX_ALLOCATION = 4 * 1024 * 1024
export const MAX_DEPTH = 60
/** What all templates of one decision may take together: a second or two. */
const MAX_TOTAL_STEPS = 10_000_000
const MAX_TOTAL_ALLOCATION = 64 * 1024 * 1024
const MAX_SUGGESTIONS = 100
/** What an evaluation costs beside its steps. */
const EVALUATION_STEPS = 20
const LIST_ITEM_COST = 8
/** Characters of a text that are looked through for one step. */
const SCAN_LENGTH = 64
/** Steps between two looks at the clock: below a millisecond, and small templates never look. */
const CLOCK_STEPS = 2000
const START: Position = { lineno: 0, colno: 0 }

/** A whole budget for the templates of one decision. */
export function createBudget(): Budget {
  return { steps: MAX_TOTAL_STEPS, allocation: MAX_TOTAL_ALLOCATION, suggestions: MAX_SUGGESTIONS }
}

export function createRun(context: NameSource): Run {
  const { budget } = context.evaluationLimits
  const steps = Math.min(MAX_STEPS, budget?.steps ?? MAX_STEPS)
  return {
    context,
    scope: null,
    steps,
    allocation: Math.min(MAX_ALLOCATION, budget?.allocation ?? MAX_ALLOCATION),
    depth: 0,
    changedLists: null,
    changedDicts: null,
    plainText: null,
    sizes: null,
    at: START,
    checkAt: steps - CLOCK_STEPS,
    startedAtMs: null,
  }
}

/** Runs an evaluation, and takes what it cost from the budget that it shares with others. */
export function spending<T>(run: Run, evaluate: () => T): T {
  const { budget } = run.context.evaluationLimits
  const { steps, allocation } = run
  if (budget === undefined) return evaluate()
  try {
    if (steps <= 0 || allocation <= 0) forbidTogether()
    return evaluate()
  } finally {
    budget.steps -= steps - Math.max(0, run.steps) + EVALUATION_STEPS
    budget.allocation -= allocation - Math.max(0, run.allocation)
  }
}

function forbidTogether(): never {
  forbid(`the templates of this step take too much together (limit ${MAX_TOTAL_STEPS} steps, ${MAX_TOTAL_ALLOCATION} characters)`)
}

/** Charges work before it is done. */
export function chargeSteps(run: Run, count: number): void {
  run.steps -= count
  if (!(run.steps >= run.checkAt)) checkBudget(run)
}

function checkBudget(run: Run): void {
  const { evaluationLimits } = run.context
  if (!(run.steps >= 0)) {
    if ((evaluationLimits.budget?.steps ?? MAX_STEPS) < MAX_STEPS) forbidTogether()
    forbid(`the template takes too many steps (limit ${MAX_STEPS})`)
  }
  const now = evaluationLimits.elapsedMs()
  run.checkAt = Math.max(0, run.steps - CLOCK_STEPS)
  run.startedAtMs ??= now
  if (now - run.startedAtMs <= MAX_CLOCK_MS) return
  if (!evaluationLimits.isLastTry) throw new EvaluationTimeout()
  forbid(`the template takes more than ${MAX_CLOCK_MS} ms`)
}

/** Charges text before it is made. */
export function chargeText(run: Run, length: number): void {
  run.allocation -= length
  if (!(run.allocation >= 0)) {
    if ((run.context.evaluationLimits.budget?.allocation ?? MAX_ALLOCATION) < MAX_ALLOCATION) forbidTogether()
    forbid(`the template makes too much text or data (limit ${MAX_ALLOCATION} characters)`)
  }
}

/** Charges a text that is only looked through: nothing for a short one, so that small templates cost what they did. */
export function chargeScan(run: Run, length: number): void {
  if (length >= SCAN_LENGTH) chargeSteps(run, Math.floor(length / SCAN_LENGTH))
}

/** Charges a list before it is made: its items, and touching each once. */
export function chargeItems(run: Run, count: number): void {
  chargeText(run, count * LIST_ITEM_COST)
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
