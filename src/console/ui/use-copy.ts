import { useCallback, useEffect, useState } from 'react'
import { copyText } from '../lib/copy.js'

const SAID_MS = 1_500

/** Copies a text, and says for a moment what came of it. */
export function useCopy(): { readonly outcome: 'copied' | 'refused' | null; copy(text: string): void } {
  const [outcome, setOutcome] = useState<'copied' | 'refused' | null>(null)
  const copy = useCallback((text: string) => {
    void copyText(text).then((isDone) => setOutcome(isDone ? 'copied' : 'refused'))
  }, [])
  useEffect(() => {
    if (outcome === null) return
    const timer = setTimeout(() => setOutcome(null), SAID_MS)
    return () => clearTimeout(timer)
  }, [outcome])
  return { outcome, copy }
}

/** The outcome in words; `otherwise` while there is none. */
export function copyWords(outcome: 'copied' | 'refused' | null, otherwise: string): string {
  if (outcome === null) return otherwise
  return outcome === 'copied' ? 'Copied' : 'The browser refused: select it, and copy it by hand'
}
