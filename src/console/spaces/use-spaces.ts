import { useEffect, useState } from 'react'
import { session } from '../app/session.js'
import { type SpaceRowFragment, SpacesDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault, isRetryable } from '../lib/faults.js'
import { useStore } from '../lib/store.js'

export interface SpacesView {
  readonly rows: readonly SpaceRowFragment[]
  readonly isLoaded: boolean
  readonly fault: Fault | null
}

const NOTHING: SpacesView = { rows: [], isLoaded: false, fault: null }
const RETRY_MS = 2_000

type Read = Omit<SpacesView, 'isLoaded'>

async function readAll(): Promise<Read> {
  let rows: readonly SpaceRowFragment[] = []
  for (let after: string | null = null; ; ) {
    const { data, error } = await client.query(SpacesDocument, { after }).toPromise()
    const fault = describeError(error)
    if (!data || fault !== null) return { rows, fault }
    const { nodes, pageInfo }: typeof data.spaces = data.spaces
    rows = [...rows, ...nodes]
    after = pageInfo.endCursor
    if (!pageInfo.hasNextPage) return { rows, fault: null }
  }
}

/** All spaces by their names. */
export function useSpaces(): SpacesView {
  const { key } = useStore(session)
  const [view, setView] = useState(NOTHING)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another credential may see spaces, or none
  useEffect(() => {
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const read = async () => {
      const { rows, fault } = await readAll()
      if (isOver) return
      setView({ rows, isLoaded: fault === null, fault })
      if (isRetryable(fault)) timer = setTimeout(() => void read(), RETRY_MS)
    }
    void read()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [key])
  return view
}
