import { Pool } from 'undici'
import type { LoggedChange, WriteLine } from './record.js'
import { keyOf } from './stream.js'

const DOCUMENT = `mutation ($input: UpsertVariablesInput!) { upsertVariables(input: $input) { revision } }`

export interface Write {
  readonly executionId: string
  readonly values: Readonly<Record<string, unknown>>
}

export interface Writer {
  /** Writes one change set to one of the instances; answers its revision once it is acknowledged. */
  write(write: Write): Promise<number>
  close(): Promise<void>
}

/** Writes over GraphQL to one instance, and writes down what was acknowledged. Rejects where no acknowledgement came. */
export function createWriter(url: string, log: (line: WriteLine) => void = () => undefined, connections = 8): Writer {
  const pool = new Pool(url, { connections, pipelining: 1 })
  return {
    async write({ executionId, values }) {
      const variables = Object.entries(values).map(([name, value]) => ({ name, value }))
      const { body } = await pool.request({
        method: 'POST',
        path: '/graphql',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: DOCUMENT, variables: { input: { ...keyOf(executionId), variables } } }),
      })
      const answer = (await body.json()) as { data?: { upsertVariables: { revision: number } } | null; errors?: unknown }
      if (!answer.data) throw new Error(`a write was refused: ${JSON.stringify(answer.errors)}`)
      const { revision } = answer.data.upsertVariables
      const changes = Object.entries(values).map(([name, value]): LoggedChange => [name, 'SET', value])
      log({ event: 'acknowledged', at: performance.now(), executionId, revision, changes })
      return revision
    },
    close: () => pool.destroy(),
  }
}
