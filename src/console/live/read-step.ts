import { MoreEventsDocument, type StepRowFragment } from '../generated/graphql.js'
import { client } from '../lib/client.js'

export type StepEvent = StepRowFragment['events']['nodes'][number]

/** A visit with all its events, however often it was tried. */
export interface StepRow extends Omit<StepRowFragment, 'events'> {
  readonly events: { readonly nodes: readonly StepEvent[] }
  /** The cursor before it: asking for one after this gives it. */
  readonly before: string | null
}

/** The rest of a visit's events, page by page; null when the server could not be asked. */
export async function readStep(id: string, row: StepRowFragment, before: string | null): Promise<StepRow | null> {
  const nodes = [...row.events.nodes]
  let { hasNextPage, endCursor } = row.events.pageInfo
  while (hasNextPage) {
    const { data } = await client.query(MoreEventsDocument, { id, after: before, page: endCursor }).toPromise()
    const more = data?.execution?.steps.nodes[0]?.events
    if (!more) return null
    nodes.push(...more.nodes)
    hasNextPage = more.pageInfo.hasNextPage
    endCursor = more.pageInfo.endCursor
  }
  return { ...row, events: { nodes }, before }
}
