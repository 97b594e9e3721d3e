import { type ListView, useEveryPage } from '../app/use-every-page.js'
import { type ScheduleRowFragment, SchedulesDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'

async function readPage(after: string | null) {
  const { data, error } = await client.query(SchedulesDocument, { after }, { requestPolicy: 'network-only' }).toPromise()
  return { page: data?.schedules, error }
}

/** All schedules by their names. */
export function useSchedules(): ListView<ScheduleRowFragment> {
  return useEveryPage(readPage)
}
