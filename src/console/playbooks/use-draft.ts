import { useCallback, useState } from 'react'
import { type Draft, dropDraft, keepDraft, readDraft } from './draft.js'

/** The text as it is written, kept in the tab at every change. */
export function useDraft(name: string, given: Draft) {
  const [draft, setDraft] = useState<Draft>(() => readDraft(name) ?? given)
  const [isKept, setKept] = useState(true)
  const set = useCallback(
    (text: string) => {
      setDraft((before) => {
        const next = { text, base: before.base }
        setKept(keepDraft(name, next))
        return next
      })
    },
    [name],
  )
  return {
    text: draft.text,
    base: draft.base,
    isChanged: draft.text !== given.text,
    isKept,
    set,
    /** Back to what it began with. */
    reset() {
      dropDraft(name)
      setDraft(given)
    },
    /** It has become a version. */
    drop: useCallback(() => dropDraft(name), [name]),
  }
}
