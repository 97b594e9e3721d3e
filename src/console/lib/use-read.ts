import type { TypedDocumentNode } from '@urql/core'
import { useCallback, useEffect, useState } from 'react'
import { type JsonValue, stringifyJson } from '../../core/json.js'
import { session } from '../app/session.js'
import { client } from './client.js'
import { describeError, type Fault, isRetryable } from './faults.js'
import { useStore } from './store.js'

export interface Reading<Data> {
  /** null until the answer to exactly these variables is here. */
  readonly data: Data | null
  readonly fault: Fault | null
  readonly isReading: boolean
  /** Asks once more; what is shown stays until the answer comes. */
  again(): void
}

interface Answer<Data> {
  readonly key: string
  readonly data: Data | null
  readonly fault: Fault | null
}

const RETRY_MS = 2_000

/** Asks one question, again after a login, and again by itself while the server does not answer. null: asks nothing yet. */
export function useRead<Data, Input extends Record<string, unknown>>(
  document: TypedDocumentNode<Data, Input>,
  variables: Input | null,
): Reading<Data> {
  const { key: credential } = useStore(session)
  const [turn, setTurn] = useState(0)
  const [answer, setAnswer] = useState<Answer<Data> | null>(null)
  const key = variables === null ? null : stringifyJson(variables as JsonValue)

  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the variables; turn and credential ask again
  useEffect(() => {
    if (key === null || variables === null) return
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const ask = async () => {
      const { data, error } = await client.query(document, variables).toPromise()
      if (isOver) return
      const fault = describeError(error)
      setAnswer({ key, data: data ?? null, fault })
      if (isRetryable(fault)) timer = setTimeout(() => void ask(), RETRY_MS)
    }
    void ask()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [document, key, turn, credential])

  const current = answer?.key === key ? answer : null
  const again = useCallback(() => setTurn((before) => before + 1), [])
  return { data: current?.data ?? null, fault: current?.fault ?? null, isReading: key !== null && current === null, again }
}
