import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeCursor } from '../../src/core/cursor.js'
import { codesOf, type InProcessServer, startInProcess } from './server.js'

let server: InProcessServer
beforeAll(async () => {
  server = await startInProcess()
  for (const name of ['a', 'b', 'c']) {
    const input = JSON.stringify({ input: { executionId: '9223372036854775807', name, value: name } })
    await server.ask('mutation ($input: UpsertVariableInput!) { upsertVariable(input: $input) { revision } }', input)
  }
  await server.ask('mutation { upsertVariable(input: {executionId: "8", name: "a", value: 1}) { revision } }')
})
afterAll(() => server?.close())

const TIMES = [
  '2026-02-30T00:00:00.000000Z',
  '0000-01-01T00:00:00.000000Z',
  '2026-13-01T00:00:00.000000Z',
  '2026-01-01T25:00:00.000000Z',
]
const COUNTERS = ['-1', '1.5', '01', '1e3', '0x1', ' 1', '', '9223372036854775808', '99999999999999999999', 'infinity']
const TEXTS = ['a\0', '\ud800']

/** Every list, with the kinds of text that its cursors are made of. */
const LISTS: readonly [string, string, readonly (readonly string[])[]][] = [
  ['variables', 'variables(executionId: "9223372036854775807", after: $after)', [TIMES, TEXTS]],
  ['variables of the past', 'variables(executionId: "9223372036854775807", asOf: 2, after: $after)', [TIMES, TEXTS]],
  ['searchVariables', 'searchVariables(filter: {}, after: $after)', [COUNTERS, TEXTS]],
  ['variableHistory', 'variableHistory(executionId: "9223372036854775807", after: $after)', [COUNTERS, COUNTERS]],
  ['executions', 'executions(after: $after)', [[...TIMES, '2026-02-30 00:00:00+00'], COUNTERS]],
  ['playbooks', 'playbooks(after: $after)', [TEXTS]],
  ['playbookVersions', 'playbookVersions(path: "x", after: $after)', [COUNTERS]],
  ['audit', 'audit(after: $after)', [COUNTERS]],
  ['steps', 'execution(id: "9223372036854775807") { steps(after: $after)', [[...COUNTERS, '2147483648']]],
  ['events', 'execution(id: "9223372036854775807") { events(after: $after)', [COUNTERS]],
]
const GOOD = (kind: readonly string[]): string =>
  TIMES.every((time) => kind.includes(time)) ? '2026-02-28T00:00:00.000000Z' : '1'

describe.each(LISTS)('a forged cursor of %s', (_name, list, kinds) => {
  const query = `query ($after: String) { ${list} { edges { cursor } pageInfo { endCursor hasNextPage } }${list.includes('{ ') ? ' }' : ''} }`
  const forged = kinds.flatMap((kind, at) => kind.map((text) => kinds.map((other, index) => (index === at ? text : GOOD(other)))))

  it.each([...forged, [...kinds.map(GOOD), '1'], []].map((key) => [JSON.stringify(key), key] as const))(
    '%s is VALIDATION',
    async (_text, key) => {
      const answer = await server.ask(query, JSON.stringify({ after: encodeCursor(key) }))
      expect(codesOf(answer)).toEqual(['VALIDATION'])
      expect(answer.errors[0]?.message).toContain('after')
    },
  )

  it('one of its own is good', async () => {
    expect(codesOf(await server.ask(query, JSON.stringify({ after: encodeCursor(kinds.map(GOOD)) })))).toEqual([])
    const page = (await server.ask(query)).text
    for (const [, cursor] of page.matchAll(/"cursor":"([^"]+)"/g)) {
      expect(codesOf(await server.ask(query, JSON.stringify({ after: cursor })))).toEqual([])
    }
  })
})

describe.each(['2026-02-30', '2026-02-30T00:00:00Z', '0000-01-01T00:00:00Z', '2025-02-29T12:00:00+01:00', '2026-06-31T00:00Z'])(
  'a time %s is VALIDATION',
  (time) => {
    it.each([
      ['audit', 'query ($t: DateTime) { audit(filter: {since: $t}) { totalCount } }'],
      ['audit', 'query ($t: DateTime) { audit(filter: {until: $t}) { totalCount } }'],
      ['executions', 'query ($t: DateTime) { executions(filter: {startedAfter: $t}) { totalCount } }'],
      ['executions', 'query ($t: DateTime) { executions(filter: {startedBefore: $t}) { totalCount } }'],
      ['a key', 'mutation ($t: DateTime) { createApiKey(input: {name: "k", role: ADMIN, expiresAt: $t}) { secret } }'],
    ])('in GraphQL: %s', async (_name, query) => {
      expect(codesOf(await server.ask(query, JSON.stringify({ t: time })))).toEqual(['VALIDATION'])
    })

    it('over REST', async () => {
      for (const field of ['since', 'until']) {
        const answer = await fetch(`${server.url}/api/audit?${field}=${encodeURIComponent(time)}`)
        expect(await answer.json()).toMatchObject({ status: 422, code: 'VALIDATION', field })
      }
      const body = JSON.stringify({ name: 'k', role: 'admin', expires_at: time })
      const answer = await fetch(`${server.url}/api/keys`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      expect(await answer.json()).toMatchObject({ status: 422, code: 'VALIDATION' })
    })
  },
)
