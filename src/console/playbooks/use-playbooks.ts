import { useEffect, useState } from 'react'
import { session } from '../app/session.js'
import { type PlaybookRowFragment, PlaybooksDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault, isRetryable } from '../lib/faults.js'
import { useStore } from '../lib/store.js'
import { byName } from '../lib/text.js'

export interface PlaybooksView {
  readonly rows: readonly PlaybookRowFragment[]
  readonly total: number
  readonly isLoaded: boolean
  readonly fault: Fault | null
}

const NOTHING: PlaybooksView = { rows: [], total: 0, isLoaded: false, fault: null }
const RETRY_MS = 2_000

const ordered = (rows: readonly PlaybookRowFragment[]) => [...rows].sort((a, b) => byName(a.path, b.path))

/** The latest version of every playbook, by path: page after page, because one filters over all of them. */
export function usePlaybooks(): PlaybooksView {
  const { key } = useStore(session)
  const [view, setView] = useState(NOTHING)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another credential may see other playbooks
  useEffect(() => {
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const read = async () => {
      let rows: readonly PlaybookRowFragment[] = []
      let after: string | null = null
      while (!isOver) {
        const { data, error } = await client.query(PlaybooksDocument, { after }).toPromise()
        const fault = describeError(error)
        if (isOver) return
        if (!data || fault !== null) {
          setView((before) => ({ ...before, fault }))
          if (isRetryable(fault)) timer = setTimeout(() => void read(), RETRY_MS)
          return
        }
        const { nodes, pageInfo, totalCount }: typeof data.playbooks = data.playbooks
        rows = [...rows, ...nodes]
        setView({ rows: ordered(rows), total: totalCount, isLoaded: !pageInfo.hasNextPage, fault: null })
        if (!pageInfo.hasNextPage) return
        after = pageInfo.endCursor
      }
    }
    void read()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [key])
  return view
}
