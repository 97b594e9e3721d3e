import { useEffect, useState } from 'react'
import type { VariableRowFragment } from '../generated/graphql.js'
import type { Fault } from '../lib/faults.js'
import { readVariables } from '../live/read-variables.js'

interface VariablesAt {
  readonly rows: readonly VariableRowFragment[]
  readonly isLoaded: boolean
  readonly fault: Fault | null
}

const NOTHING: VariablesAt = { rows: [], isLoaded: false, fault: null }

/** The variables of an execution as of a revision, read once; null: not yet known which. */
export function useVariablesAt(id: string, revision: number | null): VariablesAt {
  const [view, setView] = useState(NOTHING)
  useEffect(() => {
    setView(NOTHING)
    if (revision === null) return
    const stop = new AbortController()
    const rows: VariableRowFragment[] = []
    const read = readVariables({ id, asOf: revision, signal: stop.signal, onPage: (page) => rows.push(...page.rows) })
    void read.then((fault) => {
      if (!stop.signal.aborted) setView({ rows, isLoaded: true, fault })
    })
    return () => stop.abort()
  }, [id, revision])
  return view
}
