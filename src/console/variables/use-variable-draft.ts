import { useCallback, useEffect, useRef, useState } from 'react'
import { isJsonObject } from '../../core/json.js'
import { type VariableType, VariableValueDocument, type VariableValueQuery } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault, isRetryable } from '../lib/faults.js'
import { dropDraft, keepDraft, readDraft } from '../lib/kept-draft.js'
import { ownerOf } from '../lib/owner.js'
import { pretty } from '../ui/pretty.js'

export type FullVariable = VariableValueQuery['variables']['nodes'][number]

/** What a draft was made from; version 0: there was none. */
export interface Base {
  readonly version: number
  readonly text: string
  readonly type: VariableType
  readonly sourceStep: string | null
  /** Then the text is a mask. */
  readonly isSensitive: boolean
}

interface Draft {
  readonly text: string
  readonly base: Base
}

const RETRY_MS = 2_000
const NOTHING: Base = { version: 0, text: '', type: 'USER_DEFINED', sourceStep: null, isSensitive: false }

function baseOf(variable: FullVariable | undefined): Base {
  if (!variable) return NOTHING
  const { version, value, type, sourceStep, isSensitive } = variable
  return { version, text: pretty(value), type, sourceStep, isSensitive }
}

/** What the server has of a variable now. */
export async function readBase(id: string, name: string): Promise<Base | Fault> {
  const { data, error } = await client.query(VariableValueDocument, { ...ownerOf(id), name }).toPromise()
  return describeError(error) ?? baseOf(data?.variables.nodes[0])
}

/** The draft of a variable's next value. It is begun once, kept in the tab, and nothing from outside ever replaces it. */
export function useVariableDraft(id: string, name: string) {
  const key = `variable ${id} ${name}`
  const [draft, setDraft] = useState<Draft | null>(() => {
    const kept = readDraft(key)
    return isJsonObject(kept) ? (kept as unknown as Draft) : null
  })
  const [fault, setFault] = useState<Fault | null>(null)

  const read = useCallback(
    async (next: (base: Base) => void) => {
      const found = await readBase(id, name)
      setFault('code' in found ? found : null)
      if (!('code' in found)) next(found)
    },
    [id, name],
  )
  const begin = useCallback(
    () =>
      read((base) => {
        dropDraft(key)
        setDraft({ text: base.version === 0 ? 'null' : base.text, base })
      }),
    [read, key],
  )
  const change = useCallback(
    (next: (before: Draft) => Draft) =>
      setDraft((before) => {
        if (before === null) return before
        const after = next(before)
        if (after.text === after.base.text) dropDraft(key)
        else keepDraft(key, after as never)
        return after
      }),
    [key],
  )
  const isBegun = useRef(draft !== null)
  useEffect(() => {
    if (!isBegun.current) void begin()
    isBegun.current = true
  }, [begin])
  const isLost = draft === null && isRetryable(fault)
  useEffect(() => {
    if (!isLost) return
    const timer = setInterval(() => void begin(), RETRY_MS)
    return () => clearInterval(timer)
  }, [isLost, begin])

  return {
    draft,
    fault,
    set: useCallback((text: string) => change((before) => ({ ...before, text })), [change]),
    /** Takes what is there now as the base; the draft stays. */
    rebase: useCallback(() => read((base) => change((before) => ({ ...before, base }))), [read, change]),
    /** Throws the draft away and begins with what is there. */
    begin,
  }
}
