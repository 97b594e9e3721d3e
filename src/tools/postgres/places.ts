/** A place in the author's SQL; both count from 1. */
export interface SqlPlace {
  readonly line: number
  readonly column: number
}

/** From this character of a text on, the author wrote it from this place on. */
export interface Origin extends SqlPlace {
  readonly at: number
  /** The text came of a template, and all of it stands for this place. */
  readonly isFixed: boolean
}

export const FIRST_PLACE: SqlPlace = { line: 1, column: 1 }

/** The place behind a text that begins at a place. */
export function placeAfter({ line, column }: SqlPlace, text: string): SqlPlace {
  const lines = text.split('\n')
  const last = [...(lines.at(-1) ?? '')].length
  return lines.length === 1 ? { line, column: column + last } : { line: line + lines.length - 1, column: 1 + last }
}

/** The place of a character of a text, by the last origin before it. */
export function placeAt(text: string, origins: readonly Origin[], at: number): SqlPlace | null {
  const origin = origins.findLast((candidate) => candidate.at <= at)
  if (!origin) return null
  const { line, column } = origin
  return origin.isFixed ? { line, column } : placeAfter({ line, column }, text.slice(origin.at, at))
}

/** The origins of a stretch of a text, counted from the stretch's own beginning. */
export function originsOf(
  text: string,
  origins: readonly Origin[],
  stretch: { readonly from: number; readonly to: number },
): Origin[] {
  const { from, to } = stretch
  const first = placeAt(text, origins, from)
  const isFixed = origins.findLast(({ at }) => at <= from)?.isFixed ?? false
  const inside = origins.filter(({ at }) => at > from && at < to).map((origin) => ({ ...origin, at: origin.at - from }))
  return [...(first ? [{ ...first, at: 0, isFixed }] : []), ...inside]
}
