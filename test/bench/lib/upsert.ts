import { print } from 'graphql'
import { UpsertVariableDocument } from '../../../src/sdk/generated/graphql.js'
import type { LoadRequest } from './load.js'

/** What is written to, drawn anew for each write. */
export const DRAWN = { executions: 1000, names: 10 }

/** What `client.variables.upsert` of the SDK sends. */
const OURS = print(UpsertVariableDocument)
const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json' }

interface Connections {
  readonly connections: number
  readonly seconds: number
}

/** A mutation with one input, as JSON text. */
export function mutationRequest(url: string, operation: { query: string; input: string }, load: Connections): LoadRequest {
  const body = `{"query":${JSON.stringify(operation.query)},"variables":{"input":${operation.input}}}`
  return { url, path: '/graphql', headers: JSON_HEADERS, body, ...load, ...DRAWN }
}

/** One `upsertVariable` after the other, as the SDK sends it. */
export function upsertRequest(url: string, load: Connections): LoadRequest {
  return mutationRequest(url, { query: OURS, input: '{"executionId":"@execution","name":"@name","value":@value}' }, load)
}
