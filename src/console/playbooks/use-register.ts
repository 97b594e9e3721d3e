import { useCallback, useEffect, useState } from 'react'
import { useNavigate } from 'react-router'
import { RegisterDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault } from '../lib/faults.js'
import { playbookPlace } from '../lib/places.js'
import { type Finding, findingsIn } from './findings.js'

/** Registers a text, then shows what came of it. What is refused is said, until the text changes. */
export function useRegister(text: string, { onDone }: { onDone: () => void }) {
  const navigate = useNavigate()
  const [isBusy, setBusy] = useState(false)
  const [refusal, setRefusal] = useState<{ text: string; fault: Fault; findings: readonly Finding[] | null } | null>(null)
  const register = useCallback(async () => {
    setBusy(true)
    const { data, error } = await client.mutation(RegisterDocument, { source: text }).toPromise()
    setBusy(false)
    const fault = describeError(error)
    if (fault !== null || !data) {
      const found = findingsIn(fault?.details ?? {})
      if (fault) setRefusal({ text, fault, findings: found.length > 0 ? found : null })
      return
    }
    onDone()
    await navigate(playbookPlace(data.registerPlaybook.path, { version: data.registerPlaybook.version }))
  }, [text, navigate, onDone])
  useEffect(() => setRefusal((before) => (before?.text === text ? before : null)), [text])
  return { register, isBusy, fault: refusal?.fault ?? null, findings: refusal?.findings ?? null }
}
