import { useEffect, useState } from 'react'
import { ValidateDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault, isRetryable } from '../lib/faults.js'
import { type Finding, findingsOf } from './findings.js'

export interface Validation {
  readonly findings: readonly Finding[]
  /** null: it was not judged yet. */
  readonly isValid: boolean | null
  /** Whether the judgement is of the text that stands there now. */
  readonly isCurrent: boolean
  readonly fault: Fault | null
}

const TYPING_MS = 300
const RETRY_MS = 2_000
const UNKNOWN: Validation & { text: string | null } = { text: null, findings: [], isValid: null, isCurrent: false, fault: null }

/** What the server thinks of a text, a moment after the last key; while it cannot say so, its last words stay. */
export function useValidation(text: string): Validation {
  const [known, setKnown] = useState(UNKNOWN)
  useEffect(() => {
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const ask = async () => {
      const { data, error } = await client.query(ValidateDocument, { source: text }).toPromise()
      if (isOver) return
      const fault = describeError(error)
      if (data && fault === null)
        setKnown({ text, findings: findingsOf(data), isValid: data.validatePlaybook.valid, isCurrent: true, fault })
      else setKnown((before) => ({ ...before, fault }))
      if (isRetryable(fault)) timer = setTimeout(() => void ask(), RETRY_MS)
    }
    timer = setTimeout(() => void ask(), TYPING_MS)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [text])
  return { ...known, isCurrent: known.text === text }
}
