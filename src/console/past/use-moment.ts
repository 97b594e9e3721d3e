import { useEffect, useMemo, useRef, useState } from 'react'
import type { ExecutionHeadFragment } from '../generated/graphql.js'
import { useSearchState } from '../lib/use-search-state.js'
import type { StepRow } from '../live/read-step.js'
import { useFeedHandle } from '../live/use-feed.js'
import type { VariablesView } from '../live/variable-table.js'
import { headAt, stepsAt } from './moment.js'
import { createPastFeed, type PastFeed, type PastView } from './past-feed.js'

/** An execution as a page shows it: now, or as it stood. */
export interface Shown {
  readonly head: ExecutionHeadFragment
  readonly steps: readonly StepRow[]
  readonly variables: VariablesView
  /** null: the present. */
  readonly asOf: number | null
}

/** Browsers slow down pages that change their address often. */
const ADDRESS_MS = 250

const revisionOf = (text: string): number | null => (/^\d{1,15}$/.test(text) ? Number(text) : null)

/** The revision that one looks at, also in the address; null: the present. */
export function useRevision(): [number | null, (revision: number | null) => void] {
  const [search, setSearch] = useSearchState()
  const given = search.get('at') ?? ''
  const [at, setAt] = useState<number | null>(revisionOf(given))
  const written = useRef(given)
  useEffect(() => {
    if (given === written.current) return
    written.current = given
    setAt(revisionOf(given))
  }, [given])
  useEffect(() => {
    const text = at === null ? '' : String(at)
    if (text === written.current) return
    const timer = setTimeout(() => {
      written.current = text
      setSearch({ at: text })
    }, ADDRESS_MS)
    return () => clearTimeout(timer)
  }, [at, setSearch])
  return [at, setAt]
}

type Present = Omit<Shown, 'asOf'>

/** The present, or how it stood at a revision: head, steps and variables together. The old picture stays until the new one is whole. */
export function useMoment(at: number | null, { head, steps, variables }: Present): Shown {
  const [past, feed] = useFeedHandle<PastView | null, PastFeed>(createPastFeed, head.id)
  // A link may name a revision that this execution has not reached.
  const wanted = at === null ? null : Math.min(at, head.revision)
  useEffect(() => {
    if (wanted !== null) feed.go(wanted)
  }, [feed, wanted])
  return useMemo((): Shown => {
    if (wanted === null || past === null) return { head, steps, variables, asOf: null }
    const { revision, variables: known } = past
    const then = stepsAt(steps, revision, head.revision)
    return { head: headAt(head, { revision, steps: then, rows: known.rows }), steps: then, variables: known, asOf: revision }
  }, [head, steps, variables, wanted, past])
}
