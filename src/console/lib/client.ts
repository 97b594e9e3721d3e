import {
  type AnyVariables,
  Client,
  type Exchange,
  makeErrorResult,
  makeResult,
  type Operation,
  stringifyDocument,
} from '@urql/core'
import { filter, fromPromise, mergeMap, pipe, takeUntil } from 'wonka'
import { isJsonObject, type JsonValue, parseJson, stringifyJson } from '../../core/json.js'
import { refusal, sendAdmitted } from '../app/admission.js'
import { session } from '../app/session.js'
import { createStore } from './store.js'

type Send = ReturnType<typeof makeResult>

interface Answer {
  readonly response: Response
  readonly body: JsonValue
}

/** Whether the last request was answered at all: what was not done because of that can be tried again. */
export const isReachable = createStore(true)

async function post(operation: Operation<unknown, AnyVariables>): Promise<Answer> {
  const { key } = session.get()
  const response = await fetch(operation.context.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json',
      ...(key !== null && { authorization: `Bearer ${key}` }),
    },
    body: stringifyJson({
      query: stringifyDocument(operation.query),
      variables: (operation.variables ?? {}) as JsonValue,
    }),
  })
  return { response, body: parseJson(await response.text()) }
}

const refusalOf = ({ response, body }: Answer): string | null => (response.status === 401 ? messageOf(body) : null)

async function send(operation: Operation<unknown, AnyVariables>): Promise<Send> {
  try {
    const answer = await sendAdmitted(() => post(operation), refusalOf)
    if (answer === null) return makeResult(operation, refused(refusal() ?? ''))
    isReachable.set(true)
    const { response, body } = answer
    if (isJsonObject(body) && ('data' in body || 'errors' in body)) return makeResult(operation, body as never, response)
    return makeErrorResult(operation, new Error(messageOf(body)), response)
  } catch (error) {
    isReachable.set(false)
    return makeErrorResult(operation, error instanceof Error ? error : new Error(String(error)))
  }
}

const refused = (message: string) => ({ errors: [{ message, extensions: { code: 'UNAUTHENTICATED' } }] }) as never

/** Of a problem (RFC 9457) or of the first GraphQL error. */
function messageOf(body: JsonValue): string {
  const errors = isJsonObject(body) ? body['errors'] : null
  const first = Array.isArray(errors) ? (errors[0] ?? null) : body
  if (!isJsonObject(first)) return 'The server answered something else than JSON.'
  const message = first['detail'] ?? first['message']
  return typeof message === 'string' ? message : 'The server refused without a reason.'
}

/** Queries and mutations over HTTP, like urql's own exchange, but numbers keep their digits in both directions. */
const exactExchange: Exchange = () => (operations) =>
  pipe(
    operations,
    filter(({ kind }) => kind === 'query' || kind === 'mutation'),
    mergeMap((operation) => {
      const isTornDown = filter<Operation>(({ kind, key }) => kind === 'teardown' && key === operation.key)
      return pipe(fromPromise(send(operation)), takeUntil(pipe(operations, isTornDown)))
    }),
  )

/** What is shown is either read again or followed by a subscription, so nothing is cached. */
export const client = new Client({
  url: '/graphql',
  exchanges: [exactExchange],
  requestPolicy: 'network-only',
  preferGetMethod: false,
})
