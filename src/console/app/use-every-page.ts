import { useCallback, useEffect, useState } from 'react'
import { describeError, type Fault } from '../lib/faults.js'
import { useStore } from '../lib/store.js'
import { session } from './session.js'

/** How often a list is read again while the page is seen. */
const REFRESH_MS = 2_000

/** One page of a list, as GraphQL answers it. */
interface PageOf<Row> {
  readonly nodes: readonly Row[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
}

interface Answer<Row> {
  readonly page: PageOf<Row> | undefined
  readonly error: Parameters<typeof describeError>[0]
}

export interface ListView<Row> {
  readonly rows: readonly Row[]
  readonly isLoaded: boolean
  readonly fault: Fault | null
  /** Reads at once. */
  readonly again: () => void
}

async function readAll<Row>(
  readPage: (after: string | null) => Promise<Answer<Row>>,
): Promise<Pick<ListView<Row>, 'rows' | 'fault'>> {
  let rows: readonly Row[] = []
  for (let after: string | null = null; ; ) {
    const { page, error } = await readPage(after)
    const fault = describeError(error)
    if (!page || fault !== null) return { rows, fault }
    rows = [...rows, ...page.nodes]
    after = page.pageInfo.endCursor
    if (!page.pageInfo.hasNextPage) return { rows, fault: null }
  }
}

/** A whole list, kept current. `readPage` is one function for good, not a new one each time. */
export function useEveryPage<Row>(readPage: (after: string | null) => Promise<Answer<Row>>): ListView<Row> {
  const { key } = useStore(session)
  const [view, setView] = useState<Omit<ListView<Row>, 'again'>>({ rows: [], isLoaded: false, fault: null })
  const [turn, setTurn] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another credential may see other rows
  useEffect(() => {
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const read = async () => {
      if (document.visibilityState === 'visible') {
        const { rows, fault } = await readAll(readPage)
        if (isOver) return
        setView((before) => ({
          rows: fault === null ? rows : before.rows,
          isLoaded: before.isLoaded || fault === null,
          fault,
        }))
      }
      timer = setTimeout(() => void read(), REFRESH_MS)
    }
    void read()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [key, turn])
  const again = useCallback(() => setTurn((before) => before + 1), [])
  return { ...view, again }
}
