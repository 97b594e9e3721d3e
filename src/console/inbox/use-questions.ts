import { useCallback, useEffect, useState } from 'react'
import { session } from '../app/session.js'
import { InboxDocument, type QuestionFragment } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault } from '../lib/faults.js'
import { useStore } from '../lib/store.js'

export interface QuestionsView {
  readonly questions: readonly QuestionFragment[]
  readonly isLoaded: boolean
  readonly fault: Fault | null
}

const NOTHING: QuestionsView = { questions: [], isLoaded: false, fault: null }
/** How often the questions are read again while the page is seen. */
const REFRESH_MS = 2_000

async function readAll(): Promise<Omit<QuestionsView, 'isLoaded'>> {
  let questions: readonly QuestionFragment[] = []
  for (let after: string | null = null; ; ) {
    const { data, error } = await client.query(InboxDocument, { after }, { requestPolicy: 'network-only' }).toPromise()
    const fault = describeError(error)
    if (!data || fault !== null) return { questions, fault }
    const { nodes, pageInfo }: typeof data.waitingSteps = data.waitingSteps
    questions = [...questions, ...nodes]
    after = pageInfo.endCursor
    if (!pageInfo.hasNextPage) return { questions, fault: null }
  }
}

/** What people are asked now, kept current; `again` reads at once. */
export function useQuestions(): QuestionsView & { readonly again: () => void } {
  const { key } = useStore(session)
  const [view, setView] = useState(NOTHING)
  const [turn, setTurn] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another credential may see other questions
  useEffect(() => {
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const read = async () => {
      if (document.visibilityState === 'visible') {
        const { questions, fault } = await readAll()
        if (isOver) return
        setView((before) => ({
          questions: fault === null ? questions : before.questions,
          isLoaded: before.isLoaded || fault === null,
          fault,
        }))
      }
      timer = setTimeout(() => void read(), REFRESH_MS)
    }
    void read()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [key, turn])
  const again = useCallback(() => setTurn((before) => before + 1), [])
  return { ...view, again }
}
