import { auditServer } from 'graphql-http'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type InProcessServer, startInProcess } from '../graphql/server.js'

vi.setConfig({ testTimeout: 60_000 })

const KEY = 'an-admin-key-of-many-letters'
const BEARER = { authorization: `Bearer ${KEY}` }
let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess({ ADMIN_KEY: KEY })
})
afterAll(() => server?.close())

describe('GraphQL over HTTP, by the audits of graphql-http', () => {
  it('every MUST and every SHOULD holds for a caller with a key', async () => {
    const fetchFn: typeof fetch = (url, init) => fetch(url, { ...init, headers: { ...init?.headers, ...BEARER } })
    const results = await auditServer({ url: `${server.url}/graphql`, fetchFn })
    const wanted = results.filter(({ name }) => /^(MUST|SHOULD) /.test(name))
    const failed = wanted.filter(({ status }) => status !== 'ok')
    expect(failed.map(({ id, name, ...rest }) => `${id} ${name}: ${'reason' in rest ? rest.reason : ''}`)).toEqual([])
    expect(wanted.filter(({ name }) => name.startsWith('MUST'))).toHaveLength(13)
  })
})

interface Probe {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

const post = (body: object): Probe => ({ body: JSON.stringify(body) })
const query = (text: string): Probe => post({ query: text })
const repeat = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => text(i)).join(' ')
const DEEP = '{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }'
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

/** What graphql-cop looks for, and what in an answer would be a finding. */
const CHECKS: readonly (readonly [name: string, probe: Probe, finding: RegExp])[] = [
  ['alias overloading', query(`{ ${repeat(101, (i) => `alias${i}: __typename`)} }`), /"alias100"/],
  ['array batching', { body: JSON.stringify(Array.from({ length: 10 }, () => ({ query: '{ __typename }' }))) }, /"__typename"/],
  ['directive overloading', query(`{ __typename ${'@aa'.repeat(10)} }`), /Unknown directive.*(Unknown directive.*){9}/],
  ['repeatable directives', query(`{ __typename ${'@include(if: true) '.repeat(10)} }`), /"__typename"/],
  ['field duplication', query(`{ ${'__typename '.repeat(500)} }`), /"__typename"/],
  ['circular introspection', query(DEEP), /"types"/],
  ['introspection', query('{ __schema { queryType { name } } }'), /"__schema"/],
  ['field suggestions', query('{ playbookz { nodes { id } } }'), /did you mean/i],
  ['GET method', { method: 'GET', path: '/graphql?query=%7B__typename%7D' }, /"__typename"/],
  ['mutation over GET', { method: 'GET', path: '/graphql?query=mutation%7B__typename%7D' }, /"__typename"/],
  ['URL-encoded POST', { headers: FORM, body: 'query=%7B__typename%7D' }, /"__typename"/],
  ['tracing', query('{ __typename }'), /"tracing"/],
  ['an unhandled error', query('qwerty { abc }'), /exception|stacktrace|node_modules/i],
]

async function answerTo({ method = 'POST', path = '/graphql', headers = {}, body }: Probe, key: Record<string, string>) {
  const response = await fetch(server.url + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers, ...key },
    body: body ?? null,
  })
  return { status: response.status, text: await response.text() }
}

describe('the checks of graphql-cop', () => {
  it.each(CHECKS)('%s: nothing for an anonymous caller', async (_name, probe, finding) => {
    const { status, text } = await answerTo(probe, {})
    expect(status).toBe(401)
    expect(text).not.toMatch(finding)
    expect(text).toContain('UNAUTHENTICATED')
  })

  const OPEN_TO_KEYS = ['introspection', 'GET method', 'field suggestions', 'field duplication']
  it.each(CHECKS.filter(([name]) => !OPEN_TO_KEYS.includes(name)))(
    '%s: nothing with a key either',
    async (_name, probe, finding) => {
      expect((await answerTo(probe, BEARER)).text).not.toMatch(finding)
    },
  )

  it('introspection is there with a key', async () => {
    const [, probe, finding] = CHECKS.find(([check]) => check === 'introspection') ?? ['', {}, /never/]
    expect((await answerTo(probe, BEARER)).text).toMatch(finding)
  })

  it('GraphiQL is there for everyone, and shows nothing of the server to who has no key', async () => {
    const { status, text } = await answerTo({ method: 'GET', headers: { accept: 'text/html' } }, {})
    expect(status).toBe(200)
    expect(text).toMatch(/graphiql/i)
    expect(text).not.toContain('upsertVariable')
  })
})
