import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createSessions } from '../../src/access/sessions.js'
import { settingKeyVerifier } from '../../src/access/verifiers/setting-key.js'
import { ADMIN } from '../../src/core/principal.js'
import type { Services } from '../../src/orchestrator/services.js'
import { createOriginCheck, credentialOf } from '../../src/server/origin-check.js'

const KEY = 'a-key-of-many-letters'
const parts = {
  services: new Proxy({}, { get: () => new Proxy({}, { get: () => () => undefined }) }) as Services,
  note: () => undefined,
}
const taskTokens = { recognises: () => false, verify: async () => null }
const rest = { ...parts, taskTokens, logger: { warn: () => undefined } }
const openSessions = createSessions({ ...rest, verifiers: [], isClosed: async () => false })
const keyedSessions = createSessions({ ...rest, verifiers: [settingKeyVerifier(KEY, ADMIN)], isClosed: async () => true })
await Promise.all([openSessions.refresh(), keyedSessions.refresh()])
const open = createOriginCheck({ sessions: openSessions, corsOrigins: [], allowInsecure: false, host: '127.0.0.1' })
const keyed = createOriginCheck({
  sessions: keyedSessions,
  corsOrigins: ['https://listed.example'],
  allowInsecure: false,
  host: '0.0.0.0',
})

function request(headers: Record<string, string>): IncomingMessage {
  return { headers, rawHeaders: Object.entries(headers).flat(), socket: { localPort: 4000 } } as unknown as IncomingMessage
}

describe('without a key', () => {
  it.each(['localhost:4000', '127.0.0.1:4000', '[::1]:4000', 'LOCALHOST'])('the host %s may call', async (host) => {
    expect(() => open.check(request({ host }))).not.toThrow()
    expect((await openSessions.authenticate(null)).principal.actor).toBe('api:anonymous')
  })

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', '', 'localhost@evil.example', '0.0.0.0:4000'])(
    'the host "%s" may not',
    (host) => {
      expect(() => open.check(request({ host }))).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }))
    },
  )

  it.each([
    ['http://127.0.0.1:4000', true],
    ['http://localhost:4000', true],
    ['http://localhost:3000', false],
    ['https://evil.example', false],
    ['null', false],
    ['', false],
  ])('a page of "%s" may call: %s', (origin, isAllowed) => {
    const check = () => open.check(request({ host: '127.0.0.1:4000', origin }))
    if (isAllowed) expect(check).not.toThrow()
    else expect(check).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }))
  })
})

describe('with a key', () => {
  it.each([{ authorization: `Bearer ${KEY}` }, { authorization: `bearer  ${KEY}` }, { 'x-api-key': KEY }])(
    '%j is let in',
    async (headers) => {
      const session = await keyedSessions.authenticate(credentialOf(request(headers as Record<string, string>)))
      expect(session.principal).toMatchObject({ actor: 'api:admin', role: 'admin' })
    },
  )

  it.each([
    {},
    { authorization: 'Bearer other' },
    { authorization: KEY },
    { authorization: `Basic ${KEY}` },
    { 'x-api-key': '' },
  ])('%j is not', async (headers) => {
    const given = credentialOf(request(headers as Record<string, string>))
    await expect(keyedSessions.authenticate(given)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  it('any host may be named, but no foreign page may call', () => {
    expect(() => keyed.check(request({ host: 'transient.example' }))).not.toThrow()
    expect(() => keyed.check(request({ host: 'transient.example', origin: 'https://transient.example' }))).not.toThrow()
    expect(() => keyed.check(request({ host: 'transient.example', origin: 'https://evil.example' }))).toThrow()
    expect(() => keyed.check(request({ host: 'transient.example', origin: 'https://listed.example' }))).not.toThrow()
  })
})
