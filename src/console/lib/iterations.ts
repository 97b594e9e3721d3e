/** How the iterations of a loop, or of all loops of an execution, ended so far. */
export interface IterationCounts {
  readonly total: number
  readonly succeeded: number
  readonly failed: number
}

/** Of what went well by itself while iterations failed: all of them, or some. */
export type Tone = 'FAILED' | 'PARTLY'

const WENT_WELL = new Set(['SUCCEEDED', 'COMPLETED'])

/** A loop succeeds however many of its iterations fail: then it must not look as if nothing had happened. null: nothing has. */
export function toneOf(status: string, counts: IterationCounts | null): Tone | null {
  if (counts === null || counts.failed === 0 || !WENT_WELL.has(status)) return null
  return counts.succeeded === 0 ? 'FAILED' : 'PARTLY'
}

/** Of all loops together; null where no loop began. */
export function sumCounts(runs: readonly { readonly iterationCounts: IterationCounts | null }[]): IterationCounts | null {
  const known = runs.flatMap(({ iterationCounts }) => iterationCounts ?? [])
  if (known.length === 0) return null
  const sum = (part: keyof IterationCounts) => known.reduce((total, counts) => total + counts[part], 0)
  return { total: sum('total'), succeeded: sum('succeeded'), failed: sum('failed') }
}

/** `3 of 3`, `996 of 1000, 4 failed`, `0 of 3 succeeded`. */
export function countsText({ total, succeeded, failed }: IterationCounts): string {
  if (failed === 0) return `${succeeded} of ${total}`
  return succeeded === 0 ? `0 of ${total} succeeded` : `${succeeded} of ${total}, ${failed} failed`
}
