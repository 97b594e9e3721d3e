import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HAS_BROWSER } from '../console/browser.js'
import { dumpOfUrl } from '../support/dump.js'
import { encryptionKeys } from '../support/keys.js'
import { within } from '../support/pace.js'
import { openPostgres } from '../support/postgres.js'
import { startTestServer, type TestServer } from '../support/server.js'
import { playbook } from '../support/source.js'
import { lookAround } from './canary-page.js'
import { askEverything, askRest, askWrongly, type Found, type Listening, listenToAll } from './canary-readers.js'
import { CANARY, CHILD, DERIVATIONS, leaksIn, PLAYBOOKS, randomSources } from './derivations.js'

/** An execution born by a sensitive write. */
const LATE = '5500'
/** What is not sensitive goes the same ways: who does not find it is blind, and would find no leak either. */
const CONTROL = 'c0ntr0l4zz8'
const OPEN = playbook(
  'canary_open',
  `
- {step: start, vars: {d0: "{{ workload.key | upper }}"}, next: [{step: say}]}
- {step: say, tool: python, args: {x: "{{ workload.key }}"}, code: "def main(x):\\n  print(x)\\n  return x", vars: {d1: "{{ result }}"}, next: [{step: fail}]}
- {step: fail, tool: python, args: {x: "{{ vars.d1 }}"}, code: "def main(x):\\n  raise ValueError(x)"}`,
)
const SEEING = [
  ...['execution', 'executions', 'node', 'variable', 'variables', 'variableHistory', 'renderTemplate'].map((it) => `Query.${it}`),
  ...['WebSocket executionsChanged', 'WebSocket variableChanged', 'WebSocket executionChanged'],
  ...['SSE executionsChanged', 'SSE variableChanged', 'SSE of REST'],
  ...['GET /api/executions/{id}', 'GET /api/vars/{id}', 'GET /api/vars/{id}/d0'],
]

const postgres = openPostgres()
afterAll(() => postgres.close())

describe(`a canary through ${PLAYBOOKS * DERIVATIONS} random derivations of a real server`, () => {
  let server: TestServer
  let url: string
  let listening: Listening & { follow(id: string): void }
  let open: string
  const ids: string[] = []

  async function start(path: string, key: string): Promise<string> {
    const id = await server.startExecution(path, { key })
    listening.follow(id)
    return id
  }

  beforeAll(async () => {
    url = await postgres.createDatabase()
    const env = { DATABASE_URL: url, ENCRYPTION_KEYS: encryptionKeys('one'), LOG_LEVEL: 'trace' }
    server = await startTestServer({ env })
    listening = await listenToAll(server)
    for (const source of [CHILD, OPEN]) await server.register(source)
    await server.startExecution('test/canary_child')
    for (const { source, path } of randomSources('sensitive: [workload.key]')) {
      await server.register(source)
      ids.push(await start(path, CANARY))
    }
    for (const id of ids.slice()) {
      await server.untilEnded(id, 240_000)
      const again = 'mutation ($id: ID!) { rerunExecution(id: $id, fromStep: "s0") { id } }'
      const { rerunExecution } = await server.query<{ rerunExecution: { id: string } }>(again, { id })
      listening.follow(rerunExecution.id)
      ids.push(rerunExecution.id)
    }
    // The last, so that lists of the newest have it.
    open = await start('test/canary_open', CONTROL)
    for (const id of [open, ...ids]) await server.untilEnded(id, 240_000)
  }, 480_000)
  afterAll(async () => {
    listening?.stop()
    await server?.close()
  })

  function expectNone(found: Found): void {
    const leaks = Object.entries(found).flatMap(([where, text]) => leaksIn(text).map((form) => `${form} in ${where}`))
    expect(leaks).toEqual([])
  }
  const blind = (found: Found, places: readonly string[]): string[] =>
    places.filter((place) => leaksIn(found[place] ?? '', CONTROL).length === 0)

  it('was derived, and can be revealed', async () => {
    const values = (await Promise.all(ids.map((id) => server.variables(id)))).flatMap((vars) => Object.values(vars))
    const masked = values.filter(({ value }) => value === '********').length
    expect(masked).toBeGreaterThan(PLAYBOOKS * DERIVATIONS)
    const late = await server.rest('POST', `/api/vars/${LATE}`, { variables: { late: { a: [CANARY] } }, sensitive: true })
    expect(late.status, JSON.stringify(late.body)).toBe(200)
    const revealed = await server.rest('POST', `/api/vars/${LATE}/late/reveal`)
    expect(JSON.stringify(revealed.body)).toContain('q7f3zk91xw')
  })

  it('is in no answer of GraphQL and REST, and in no error', { timeout: within(600_000) }, async () => {
    const control: Found = { ...(await askEverything(server, open, 'test/canary_open')), ...(await askRest(server, open)) }
    expect(
      blind(
        control,
        SEEING.filter((place) => place in control),
      ),
    ).toEqual([])
    for (const [index, id] of [...ids, LATE].entries()) {
      expectNone(await askEverything(server, id, `test/canary${index % PLAYBOOKS}`))
      expectNone(await askRest(server, id))
      expectNone(await askWrongly(server, { id, name: id === LATE ? 'late' : 'd0', secret: CANARY }))
    }
  })

  it('is in nothing that was heard over WebSocket and server-sent events', () => {
    const heard = listening.heard()
    expect(heard['streams that broke']).toBeUndefined()
    expect(
      blind(
        heard,
        SEEING.filter((place) => /^(WebSocket|SSE)/.test(place)),
      ),
    ).toEqual([])
    expectNone(heard)
  })

  it('is in nothing that the server printed at LOG_LEVEL=trace', () => {
    expect(server.output()).toContain('listening on')
    expectNone({ log: server.output() })
  })

  it('is in no row of any table', async () => {
    const dump = await dumpOfUrl(url)
    expect(leaksIn(dump, CONTROL)).not.toEqual([])
    expectNone({ dump })
  })

  it.runIf(HAS_BROWSER)(
    'is nowhere on the pages of the console',
    async () => {
      expect(leaksIn(await lookAround(server, [open]), CONTROL)).not.toEqual([])
      expectNone({ console: await lookAround(server, [ids[0] ?? '', LATE]) })
    },
    240_000,
  )
  it.skipIf(HAS_BROWSER)('NOT RUN: there is no Chromium here', () => undefined)
})
