import { useCallback, useEffect, useState } from 'react'
import { isJsonObject } from '../../core/json.js'
import { dropDraft, keepDraft, readDraft } from '../lib/kept-draft.js'

/** What a rerun would change; kept in the tab until it is started. */
export interface Repair {
  /** null: from the start. */
  readonly from: string | null
  /** The new values by name, as they are written. */
  readonly texts: Readonly<Record<string, string>>
}

function readRepair(key: string): Repair | null {
  const kept = readDraft(key)
  if (!isJsonObject(kept) || !isJsonObject(kept['texts'])) return null
  const { from, texts } = kept
  const known = Object.entries(texts).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return { from: typeof from === 'string' ? from : null, texts: Object.fromEntries(known) }
}

/** The draft of a repair of one execution; it begins at the step that failed. */
export function useRepair(id: string, failed: string | null) {
  const key = `repair ${id}`
  const [repair, setRepair] = useState<Repair>(() => readRepair(key) ?? { from: failed, texts: {} })
  const isEmpty = Object.keys(repair.texts).length === 0
  useEffect(() => {
    if (isEmpty) dropDraft(key)
    else keepDraft(key, repair as never)
  }, [key, repair, isEmpty])
  return {
    ...repair,
    goFrom: useCallback((from: string | null) => setRepair((before) => ({ ...before, from })), []),
    write: useCallback(
      (name: string, text: string) => setRepair((before) => ({ ...before, texts: { ...before.texts, [name]: text } })),
      [],
    ),
    leave: useCallback((name: string) => setRepair(({ from, texts: { [name]: _left, ...texts } }) => ({ from, texts })), []),
    drop: useCallback(() => dropDraft(key), [key]),
  }
}
