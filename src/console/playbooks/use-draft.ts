import { useCallback, useState } from 'react'
import { isJsonObject } from '../../core/json.js'
import { dropDraft, keepDraft, readDraft } from '../lib/kept-draft.js'

/** A text that was not registered yet. */
interface Draft {
  readonly text: string
  /** The version that it began with; null: a new playbook. */
  readonly base: number | null
}

const nameOf = (playbook: string) => `playbook ${playbook}`

/** The draft of a playbook that this tab keeps, if any. */
export function readPlaybookDraft(playbook: string): Draft | null {
  const kept = readDraft(nameOf(playbook))
  if (!isJsonObject(kept) || typeof kept['text'] !== 'string') return null
  return { text: kept['text'], base: typeof kept['base'] === 'number' ? kept['base'] : null }
}

/** The text as it is written, kept in the tab at every change. */
export function useDraft(playbook: string, given: Draft) {
  const name = nameOf(playbook)
  const [draft, setDraft] = useState<Draft>(() => readPlaybookDraft(playbook) ?? given)
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
