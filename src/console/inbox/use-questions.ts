import { type ListView, useEveryPage } from '../app/use-every-page.js'
import { InboxDocument, type QuestionFragment } from '../generated/graphql.js'
import { client } from '../lib/client.js'

async function readPage(after: string | null) {
  const { data, error } = await client.query(InboxDocument, { after }, { requestPolicy: 'network-only' }).toPromise()
  return { page: data?.waitingSteps, error }
}

/** What people are asked now. */
export function useQuestions(): ListView<QuestionFragment> {
  return useEveryPage(readPage)
}
