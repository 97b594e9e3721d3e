import { useCallback, useEffect, useState } from 'react'
import { HistoryDocument, type HistoryQuery } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault, isRetryable } from '../lib/faults.js'
import { ownerOf } from '../lib/owner.js'

export type Change = HistoryQuery['variableHistory']['nodes'][number]

export interface HistoryView {
  /** Newest first. */
  readonly changes: readonly Change[]
  readonly total: number
  /** Where older ones go on; null: these are all. */
  readonly after: string | null
  readonly fault: Fault | null
}

const RETRY_MS = 2_000

function joined(fresh: readonly Change[], known: readonly Change[]): readonly Change[] | null {
  const oldest = fresh.at(-1)?.revision ?? 0
  const isTouching = known.some(({ revision }) => revision >= oldest)
  return isTouching ? [...fresh, ...known.filter(({ revision }) => revision < oldest)] : null
}

/** The changes of a variable, newest first, as far as one has asked for; `version` tells that there are more. */
export function useHistory(id: string, name: string, version: number): [HistoryView | null, () => Promise<void>] {
  const [view, setView] = useState<HistoryView | null>(null)

  const read = useCallback(
    async (after: string | null) => {
      const { data, error } = await client.query(HistoryDocument, { ...ownerOf(id), name, after }).toPromise()
      const fault = describeError(error)
      setView((before) => {
        if (!data) return { changes: [], total: 0, after: null, ...before, fault }
        const { nodes, pageInfo, totalCount: total } = data.variableHistory
        const next = pageInfo.hasNextPage ? pageInfo.endCursor : null
        if (after !== null && before) return { changes: [...before.changes, ...nodes], total, after: next, fault }
        // The newest page again: what older pages brought stays, if nothing is missing between.
        const whole = before && joined(nodes, before.changes)
        return whole && before
          ? { changes: whole, total, after: before.after, fault }
          : { changes: nodes, total, after: next, fault }
      })
    },
    [id, name],
  )
  // biome-ignore lint/correctness/useExhaustiveDependencies: another version means that there are more changes
  useEffect(() => void read(null), [read, version])
  const isLost = isRetryable(view?.fault ?? null)
  useEffect(() => {
    if (!isLost) return
    const timer = setInterval(() => void read(null), RETRY_MS)
    return () => clearInterval(timer)
  }, [isLost, read])
  const older = useCallback(async () => {
    if (view?.after != null) await read(view.after)
  }, [read, view?.after])
  return [view, older]
}
