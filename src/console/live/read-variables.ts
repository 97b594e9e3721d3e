import { type VariableRowFragment, VariablesDocument } from '../generated/graphql.js'
import { client } from '../lib/client.js'
import { describeError, type Fault } from '../lib/faults.js'
import { ownerOf } from '../lib/owner.js'

export interface VariablesPage {
  readonly rows: readonly VariableRowFragment[]
  readonly total: number
  /** What the list is complete at. */
  readonly revision: number
}

interface Request {
  readonly id: string
  /** null: the present; its later pages are of the first page's revision. */
  readonly asOf: number | null
  readonly signal: AbortSignal
  readonly onPage: (page: VariablesPage, index: number) => void
}

/** Reads all variables of an execution or a space, page after page; returns what went wrong, or null. */
export async function readVariables({ id, asOf, signal, onPage }: Request): Promise<Fault | null> {
  let page: { after: string | null; asOf: number | null } = { after: null, asOf }
  for (let index = 0; ; index += 1) {
    const { data, error } = await client.query(VariablesDocument, { ...ownerOf(id), ...page }).toPromise()
    if (signal.aborted) return null
    const fault = describeError(error)
    if (fault !== null) return fault
    if (!data) return null
    const { nodes, pageInfo, totalCount, revision } = data.variables
    onPage({ rows: nodes, total: totalCount, revision: revision ?? 0 }, index)
    if (!pageInfo.hasNextPage) return null
    page = { after: pageInfo.endCursor, asOf: page.asOf ?? revision }
  }
}
