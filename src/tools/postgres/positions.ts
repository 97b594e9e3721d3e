/** A position in the author's SQL; both count from 1. */
export interface SqlPosition {
  readonly line: number
  readonly column: number
}

/** From this character of a text on, the author wrote it from this position on. */
export interface Origin extends SqlPosition {
  readonly at: number
  /** The text came of a template, and all of it stands for this position. */
  readonly isFixed: boolean
}

/** The position of each character of a text, whose first is in line 1, column 1. */
export type Locate = (at: number) => SqlPosition

const SURROGATE_PAIR = /[\ud800-\udbff][\udc00-\udfff]/g

/** Goes through the text once: looking a position up takes the logarithm of its lines. Columns count characters, not UTF-16 units. */
export function createLocate(text: string): Locate {
  const lines = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)]
  const pairs = Array.from(text.matchAll(SURROGATE_PAIR), ({ index }) => index)
  return (at) => {
    const line = countUpTo(lines, at)
    const start = lines[line - 1] ?? 0
    return { line, column: 1 + at - start - (countUpTo(pairs, at - 1) - countUpTo(pairs, start - 1)) }
  }
}

/** The position of a character of a text, by the last origin before it. */
export function positionAt(locate: Locate, origins: readonly Origin[], at: number): SqlPosition | null {
  const origin = origins[countOrigins(origins, at) - 1]
  if (!origin) return null
  const { line, column } = origin
  if (origin.isFixed) return { line, column }
  const [before, here] = [locate(origin.at), locate(at)]
  const isSameLine = before.line === here.line
  return { line: line + here.line - before.line, column: isSameLine ? column + here.column - before.column : here.column }
}

/** The origins of a stretch of a text, counted from the stretch's own beginning. */
export function originsOf(
  locate: Locate,
  origins: readonly Origin[],
  { from, to }: { readonly from: number; readonly to: number },
): Origin[] {
  const first = positionAt(locate, origins, from)
  const begun = countOrigins(origins, from)
  const isFixed = origins[begun - 1]?.isFixed ?? false
  const inside = origins.slice(begun, countOrigins(origins, to - 1)).map((origin) => ({ ...origin, at: origin.at - from }))
  return [...(first ? [{ ...first, at: 0, isFixed }] : []), ...inside]
}

/** How many origins, which stand in their order, begin at a character or before it. */
function countOrigins(origins: readonly Origin[], at: number): number {
  return countWhile(origins.length, (index) => (origins[index]?.at ?? 0) <= at)
}

function countUpTo(sorted: readonly number[], at: number): number {
  return countWhile(sorted.length, (index) => (sorted[index] ?? 0) <= at)
}

/** How many of the first indexes hold, where all that hold come first. */
function countWhile(length: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(middle)) low = middle + 1
    else high = middle
  }
  return low
}
