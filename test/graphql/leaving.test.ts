import { request } from 'node:http'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type CreatedDatabase, createEmptyDatabase } from '../support/database.js'
import { within } from '../support/pace.js'
import { type InProcessServer, startInProcess } from './server.js'

const WAIT = { timeout: within(15_000), interval: 20 }

/** What leaves, with a word of the statement that it waits for. */
const LISTS: readonly (readonly [query: string, word: string])[] = [
  ['{ executions(filter: { variables: [{ name: { eq: "x" } }] }) { nodes { id } } }', 'FROM transient.execution AS e WHERE'],
  ['{ executions { totalCount } }', 'count(*) AS count FROM transient.execution'],
  ['{ searchVariables(filter: { name: { eq: "x" } }) { nodes { name } } }', 'ORDER BY t.execution_id, t.var_name'],
  ['{ variables(executionId: "7") { nodes { name } } }', 'WITH matching'],
  ['{ variableHistory(executionId: "7") { nodes { revision } } }', 'noetl.transient_history h'],
  ['{ playbooks { nodes { path } } }', 'transient.playbook'],
  ['{ playbookVersions(path: "p") { nodes { path } } }', 'transient.playbook'],
  ['{ audit { nodes { action } } }', 'FROM transient.audit'],
]

describe('a caller that leaves', () => {
  let database: CreatedDatabase
  let server: InProcessServer
  let locker: pg.Client
  let beside: pg.Client

  beforeAll(async () => {
    database = await createEmptyDatabase()
    server = await startInProcess({ DATABASE_URL: database.url })
    locker = new pg.Client({ connectionString: database.url })
    beside = new pg.Client({ connectionString: database.url })
    await Promise.all([locker.connect(), beside.connect()])
  })
  afterAll(async () => {
    await Promise.all([locker?.end(), beside?.end()])
    await server?.close()
    await database?.drop()
  })
  // Whoever reads waits from here on.
  beforeEach(async () => {
    await locker.query(
      `BEGIN; LOCK TABLE transient.execution, transient.playbook, transient.audit, noetl.transient, noetl.transient_history IN ACCESS EXCLUSIVE MODE`,
    )
  })
  afterEach(async () => {
    await locker.query('ROLLBACK')
  })

  const waitingFor = async (word: string): Promise<number> => {
    const { rows } = await beside.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND strpos(replace(query, '"', ''), $1) > 0`,
      [word],
    )
    return rows[0]?.count ?? 0
  }

  async function expectCancelled(word: string, leave: () => void): Promise<void> {
    await expect.poll(() => waitingFor(word), WAIT).toBeGreaterThan(0)
    const before = await waitingFor(word)
    leave()
    await expect.poll(() => waitingFor(word), WAIT).toBe(before - 1)
  }

  function post(query: string, accept = 'application/json'): () => void {
    const asked = request(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
    })
    asked.on('error', () => undefined)
    asked.end(JSON.stringify({ query }))
    return () => asked.destroy()
  }

  it.each(LISTS)('over HTTP has its statement cancelled: %s', async (query, word) => {
    await expectCancelled(word, post(query))
    expect(server.log()).not.toContain('"level":"error"')
  })

  it('over HTTP takes nothing from another one that shares the read', async () => {
    const [query, word] = ['{ variables(executionId: "8", first: 3) { nodes { name } } }', 'WITH matching']
    const leave = post(query)
    const other = server.ask(query)
    await expect.poll(() => waitingFor(word), WAIT).toBeGreaterThan(0)
    leave()
    await locker.query('ROLLBACK')
    expect((await other).data).toEqual({ variables: { nodes: [] } })
  })

  it.each([
    ['subscription { executionsChanged(filter: { status: [RUNNING] }) { id } }', 'ORDER BY created_at, id'],
    ['subscription { executionsChanged(from: NOW) { id } }', 'updated_at > now()'],
  ])('before its subscription stands, by server-sent events, ends it: %s', async (query, word) => {
    await expectCancelled(word, post(query, 'text/event-stream'))
  })

  it.each(['complete', 'close'])('over a WebSocket has its statement cancelled: %s', async (way) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    const acknowledged = new Promise((resolve) => socket.once('message', resolve))
    await new Promise((resolve) => socket.once('open', resolve))
    socket.send('{"type":"connection_init"}')
    await acknowledged
    const query = 'subscription { executionsChanged(filter: { status: [FAILED] }) { id } }'
    socket.send(JSON.stringify({ id: 's', type: 'subscribe', payload: { query } }))
    const list = '{ executions(filter: { status: [PENDING] }) { nodes { id } } }'
    socket.send(JSON.stringify({ id: 'l', type: 'subscribe', payload: { query: list } }))
    await expect.poll(() => waitingFor('ORDER BY created_at DESC, id DESC'), WAIT).toBe(1)
    await expect.poll(() => waitingFor('ORDER BY created_at, id'), WAIT).toBe(1)
    if (way === 'close') socket.close()
    else for (const id of ['s', 'l']) socket.send(JSON.stringify({ id, type: 'complete' }))
    await expect.poll(() => waitingFor('ORDER BY created_at DESC, id DESC'), WAIT).toBe(0)
    await expect.poll(() => waitingFor('ORDER BY created_at, id'), WAIT).toBe(0)
    socket.terminate()
  })

  it.each([
    ['/api/vars/7', 'page.created_at, page.var_name'],
    ['/api/audit', 'FROM transient.audit'],
  ])('of REST has its statement cancelled: GET %s', async (path, word) => {
    const asked = request(`${server.url}${path}`)
    asked.on('error', () => undefined)
    asked.end()
    await expectCancelled(word, () => asked.destroy())
  })
})
