import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { connect } from '../graphql/socket.js'
import { within } from '../support/pace.js'

const KEY = 'an-admin-key-of-many-letters'
const ID = '507861119290048685'
const HEADERS = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
const ENTRAILS = ['SELECT hash', '/srv/transient/src', 'PrismaClient', 'hunter2-secret']
/** What a driver might say: SQL, a path, the name of a library, a value. */
const FAULT = `${ENTRAILS[2]}: ${ENTRAILS[0]} FROM transient.api_key WHERE name = '${ENTRAILS[3]}' at ${ENTRAILS[1]}/db/postgres.ts:1`

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess({ ADMIN_KEY: KEY })
  const broken = () => {
    throw new Error(FAULT)
  }
  // Sessions take the methods when they begin: this is before the first.
  Object.assign(server.services.variables, { read: broken, all: broken, watch: broken, poll: broken, write: broken })
  Object.assign(server.services.executions, { watch: broken })
})
afterAll(() => server?.close())

/** Asks in one way, and answers all that came back. */
const WAYS: Readonly<Record<string, () => Promise<string>>> = {
  'GraphQL over HTTP': () => post(`{ variable(executionId: "${ID}", name: "a") { value } }`),
  'a mutation over HTTP': () =>
    post(`mutation { upsertVariable(input: {executionId: "${ID}", name: "a", value: 1}) { revision } }`),
  'GraphQL over SSE': () => post(`subscription { executionChanged(id: "${ID}") { id } }`, 'text/event-stream'),
  'a watch over SSE': () => post(`subscription { variableChanged(executionId: "${ID}") { kind } }`, 'text/event-stream'),
  'a query over WebSocket': () => overSocket(`{ variable(executionId: "${ID}", name: "a") { value } }`),
  'a subscription over WebSocket': () => overSocket(`subscription { variableChanged(executionId: "${ID}") { kind } }`),
  REST: () => get(`/api/vars/${ID}/a`),
  'a REST list': () => get(`/api/vars/${ID}`),
  'a long-poll': () => get(`/api/vars/${ID}?after_revision=0&wait=1`),
  'the events of REST': () => get(`/api/vars/${ID}/events`),
}

async function post(query: string, accept = 'application/json'): Promise<string> {
  const init = { method: 'POST', headers: { ...HEADERS, accept }, body: JSON.stringify({ query }) }
  return readFor(await fetch(`${server.url}/graphql`, init))
}

const get = async (path: string): Promise<string> => readFor(await fetch(server.url + path, { headers: HEADERS }))

async function readFor(response: Response): Promise<string> {
  return Promise.race([response.text(), sleep(within(5_000), 'nothing came', { ref: false })])
}

async function overSocket(query: string): Promise<string> {
  const socket = await connect(server.url, { authorization: `Bearer ${KEY}` })
  socket.send({ id: 'x', type: 'subscribe', payload: { query } })
  const message = JSON.stringify(await socket.nextOf('x'))
  socket.socket.terminate()
  return message
}

describe('a fault of the server', () => {
  it.each(Object.entries(WAYS))('over %s is INTERNAL with an id that the log has, and nothing else', async (_name, ask) => {
    const text = await ask()
    expect(text).toContain('"code":"INTERNAL"')
    for (const part of [...ENTRAILS, 'node_modules', '.ts:', 'at Object']) expect(text).not.toContain(part)
    const id = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(text)?.[0] ?? 'no id'
    const line = server
      .log()
      .split('\n')
      .find((entry) => entry.includes(id))
    expect(line).toContain(ENTRAILS[0])
  })
})
