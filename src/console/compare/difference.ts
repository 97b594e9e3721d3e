import type { ComparedVariableFragment, StepRowFragment } from '../generated/graphql.js'
import { byName, byteLength } from '../lib/text.js'

/** `alike`: as far as one can see without reading large values whole. */
export type Verdict = 'same' | 'alike' | 'hidden' | 'differs' | 'left' | 'right'

export interface Pair {
  readonly name: string
  readonly left: ComparedVariableFragment | null
  readonly right: ComparedVariableFragment | null
  readonly verdict: Verdict
}

function verdictOf(left: ComparedVariableFragment, right: ComparedVariableFragment): Verdict {
  // Two masks say nothing about what is behind them.
  if (left.isSensitive && right.isSensitive) return 'hidden'
  if (left.preview !== right.preview || left.size !== right.size) return 'differs'
  // Sizes are bytes and previews characters: a preview that is as long as the value is whole.
  return byteLength(left.preview) === left.size ? 'same' : 'alike'
}

/** The variables of both, by name. */
export function pairVariables(
  left: readonly ComparedVariableFragment[],
  right: readonly ComparedVariableFragment[],
): readonly Pair[] {
  const others = new Map(right.map((variable) => [variable.name, variable]))
  const pairs: Pair[] = left.map((variable) => {
    const other = others.get(variable.name) ?? null
    others.delete(variable.name)
    return { name: variable.name, left: variable, right: other, verdict: other ? verdictOf(variable, other) : 'left' }
  })
  for (const variable of others.values()) pairs.push({ name: variable.name, left: null, right: variable, verdict: 'right' })
  return pairs.sort((one, two) => byName(one.name, two.name))
}

export interface Stop {
  readonly left: StepRowFragment | null
  readonly right: StepRowFragment | null
}

/** Longer routes are laid side by side by number; the alignment takes left × right steps of work. */
const MAX_ALIGNED = 1_500

/** Both routes beside each other: the same steps on one line wherever their order allows it. */
export function alignRoutes(left: readonly StepRowFragment[], right: readonly StepRowFragment[]): readonly Stop[] {
  if (left.length * right.length > MAX_ALIGNED ** 2)
    return Array.from({ length: Math.max(left.length, right.length) }, (_, index) => ({
      left: left[index] ?? null,
      right: right[index] ?? null,
    }))
  const common = commonLengths(left, right)
  const stops: Stop[] = []
  let [i, j] = [0, 0]
  while (i < left.length || j < right.length) {
    const [one, two] = [left[i] ?? null, right[j] ?? null]
    if (one && two && one.step === two.step) {
      stops.push({ left: one, right: two })
      i += 1
      j += 1
    } else if (one && (!two || (common[i + 1]?.[j] ?? 0) >= (common[i]?.[j + 1] ?? 0))) {
      stops.push({ left: one, right: null })
      i += 1
    } else {
      stops.push({ left: null, right: two })
      j += 1
    }
  }
  return stops
}

/** At i, j: how many steps the rests of both routes have in common, in order. */
function commonLengths(left: readonly StepRowFragment[], right: readonly StepRowFragment[]): readonly Uint16Array[] {
  const table = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1))
  for (let i = left.length - 1; i >= 0; i -= 1) {
    const [row, below] = [table[i], table[i + 1]]
    if (!row || !below) continue
    for (let j = right.length - 1; j >= 0; j -= 1)
      row[j] = left[i]?.step === right[j]?.step ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0)
  }
  return table
}
