import { useCallback, useEffect, useState } from 'react'
import { useNavigate } from 'react-router'
import { RegisterDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault } from '../lib/faults.js'
import { playbookUrl } from '../lib/urls.js'
import { type Finding, findingsIn } from './findings.js'

/** A version of a playbook. */
export interface Registered {
  readonly path: string
  readonly version: number
}

interface Registering {
  /** What the draft began with; null: nothing that is registered. */
  readonly base: Registered | null
  readonly onDone: () => void
}

interface Refusal {
  readonly text: string
  readonly fault: Fault
  readonly findings: readonly Finding[] | null
  /** A version that the draft does not know. */
  readonly there: Registered | null
}

function thereOf({ code, details }: Fault): Registered | null {
  const { path, version } = details
  return code === 'CONFLICT' && typeof path === 'string' ? { path, version: Number(version) } : null
}

/**
 * Registers a text, then shows what came of it. It goes over the version that the draft began with, and over another one only
 * when that one is given. What is refused is said, until the text changes.
 */
export function useRegister(text: string, { base, onDone }: Registering) {
  const navigate = useNavigate()
  const [isBusy, setBusy] = useState(false)
  const [refusal, setRefusal] = useState<Refusal | null>(null)

  const send = useCallback(
    async (over: Registered | null) => {
      const input = { source: text, expectedVersion: over?.version ?? 0 }
      const { data, error } = await client.mutation(RegisterDocument, input).toPromise()
      return data?.registerPlaybook ?? describeError(error)
    },
    [text],
  )
  const register = useCallback(
    async (over: Registered | null) => {
      setBusy(true)
      let outcome = await send(over)
      // Only the server knows which path the text has: it says what is there, and mostly it is what the draft began with.
      const known = outcome !== null && 'code' in outcome ? thereOf(outcome) : null
      if (over === null && known !== null && known.path === base?.path && known.version === base.version)
        outcome = await send(known)
      setBusy(false)
      if (outcome === null) return
      if ('code' in outcome) {
        const found = findingsIn(outcome.details)
        const findings = found.length > 0 ? found : null
        return setRefusal({ text, fault: outcome, findings, there: thereOf(outcome) })
      }
      setRefusal(null)
      onDone()
      await navigate(playbookUrl(outcome.path, { version: outcome.version }))
    },
    [text, base?.path, base?.version, send, navigate, onDone],
  )
  useEffect(() => setRefusal((before) => (before?.text === text ? before : null)), [text])
  return {
    register,
    isBusy,
    /** Why it was refused, unless it can be registered over what is there. */
    fault: refusal?.there === null ? refusal.fault : null,
    findings: refusal?.findings ?? null,
    there: refusal?.there ?? null,
    forget: useCallback(() => setRefusal(null), []),
  }
}
