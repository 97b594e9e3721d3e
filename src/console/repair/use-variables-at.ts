import { useEffect, useState } from 'react'
import type { VariableRowFragment } from '../generated/graphql.js'
import { type Fault, isRetryable } from '../lib/faults.js'
import { readVariables } from '../live/read-variables.js'

interface VariablesAt {
  readonly rows: readonly VariableRowFragment[]
  readonly isLoaded: boolean
  readonly fault: Fault | null
}

const NOTHING: VariablesAt = { rows: [], isLoaded: false, fault: null }

const RETRY_MS = 2_000

/** The variables of an execution as of a revision, read once; null: not yet known which. */
export function useVariablesAt(id: string, revision: number | null): VariablesAt {
  const [view, setView] = useState(NOTHING)
  useEffect(() => {
    setView(NOTHING)
    if (revision === null) return
    const stop = new AbortController()
    const { signal } = stop
    let timer: ReturnType<typeof setTimeout> | undefined
    const read = async () => {
      const rows: VariableRowFragment[] = []
      const fault = await readVariables({ id, asOf: revision, signal, onPage: (page) => rows.push(...page.rows) })
      if (signal.aborted) return
      setView({ rows, isLoaded: !isRetryable(fault), fault })
      if (isRetryable(fault)) timer = setTimeout(() => void read(), RETRY_MS)
    }
    void read()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [id, revision])
  return view
}
