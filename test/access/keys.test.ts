import { beforeAll, describe, expect, it } from 'vitest'
import { createSessions, type Sessions } from '../../src/access/sessions.js'
import { apiKeyVerifier } from '../../src/access/verifiers/api-key.js'
import type { Database } from '../../src/db/database.js'
import { createKeysService, type KeysService } from '../../src/keys/service.js'
import { hasUnrevokedKey } from '../../src/keys/store.js'
import type { Services } from '../../src/orchestrator/services.js'
import { describeDatabase } from '../support/database.js'
import { within } from '../support/pace.js'

const services = new Proxy({}, { get: () => new Proxy({}, { get: () => async () => null }) }) as Services
const silent = { warn: () => undefined }
const BY = 'api:anonymous'

/** What one process has: its own sessions on the same database. */
function openProcess(db: Database): { sessions: Sessions; keys: KeysService } {
  const sessions = createSessions({
    ...{ services, note: () => undefined, logger: silent },
    verifiers: [apiKeyVerifier(db)],
    taskTokens: { recognises: () => false, verify: async () => null },
    isClosed: () => hasUnrevokedKey(db),
  })
  return { sessions, keys: createKeysService({ db, isConfigured: false, onChanged: () => sessions.refresh() }) }
}

describeDatabase('API keys', (open) => {
  let db: Database
  let one: ReturnType<typeof openProcess>
  let other: ReturnType<typeof openProcess>
  beforeAll(async () => {
    db = await open()
    one = openProcess(db)
    other = openProcess(db)
    await Promise.all([one.sessions.refresh(), other.sessions.refresh()])
    return () => {
      one.sessions.close()
      other.sessions.close()
    }
  })

  const create = (name: string, role: 'admin' | 'viewer' = 'admin', expiresAt: Date | null = null) =>
    one.keys.create({ name, role, expiresAt, actor: BY })

  it('the first key closes the server at once, in the other process within seconds', async () => {
    const anonymous = await one.sessions.authenticate(null)
    expect(anonymous.principal).toMatchObject({ actor: BY, role: 'admin' })
    const elsewhere = await other.sessions.authenticate(null)
    const { secret, isFirst } = await create('root')
    expect(isFirst).toBe(true)
    expect(secret).toMatch(/^tr_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$/)
    await expect(one.sessions.authenticate(null)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(anonymous.ending.reason).toMatchObject({ code: 'UNAUTHENTICATED' })
    await expect.poll(() => elsewhere.ending.reason?.code, { timeout: within(5_000) }).toBe('UNAUTHENTICATED')
    await expect(other.sessions.authenticate(null)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect((await other.sessions.authenticate(secret)).principal).toMatchObject({ actor: 'api:root', role: 'admin' })
  })

  it('only a hash is kept, and last use is noted', async () => {
    const { secret, key } = await create('hashed', 'viewer')
    const [row] = await db.rows<{ all: string }>(
      'SELECT row_to_json(k)::text AS all FROM transient.api_key k WHERE id = $1',
      key.id,
    )
    expect(row?.all).toContain('hashed')
    expect(row?.all).not.toContain(secret.slice(16))
    await one.sessions.authenticate(secret)
    const used = async () => (await one.keys.list()).find(({ id }) => id === key.id)?.lastUsedAt
    await expect.poll(used).toBeInstanceOf(Date)
  })

  it.each(['tr_aaaaaaaaaaaa_', 'nothing', ''])('"%s" is not a key', async (start) => {
    const text = start === 'tr_aaaaaaaaaaaa_' ? start + 'x'.repeat(43) : start
    await expect(one.sessions.authenticate(text)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  it('a right id with a wrong secret is none either', async () => {
    const { secret } = await create('wrong', 'viewer')
    const wrong = secret.slice(0, -1) + (secret.endsWith('A') ? 'B' : 'A')
    await expect(one.sessions.authenticate(wrong)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  it('two of a name live, for rotation; a third is refused until one is revoked', async () => {
    const [first] = await Promise.all([create('pair'), create('pair')])
    await expect(create('pair')).rejects.toMatchObject({ code: 'CONFLICT' })
    const raced = await Promise.allSettled([create('race'), create('race'), create('race'), create('race')])
    expect(raced.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    await one.keys.revoke({ id: first.key.id, actor: BY })
    await create('pair')
  })

  it('revocation ends a session here at once, elsewhere within 5 s', async () => {
    const { secret, key } = await create('gone', 'viewer')
    const [here, there] = [await one.sessions.authenticate(secret), await other.sessions.authenticate(secret)]
    const began = Date.now()
    await one.keys.revoke({ id: key.id, actor: BY })
    expect(here.ending.reason).toMatchObject({ code: 'UNAUTHENTICATED' })
    await expect(one.sessions.authenticate(secret)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    await expect.poll(() => there.ending.reason?.code, { timeout: within(5_000) }).toBe('UNAUTHENTICATED')
    await expect(other.sessions.authenticate(secret)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(Date.now() - began).toBeLessThan(within(5_000))
    expect((await one.keys.revoke({ id: key.id, actor: BY })).revokedAt).toBeInstanceOf(Date)
    await expect(one.keys.revoke({ id: 'nothing', actor: BY })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('expiry ends a session too', async () => {
    const { secret } = await create('short', 'viewer', new Date(Date.now() + within(500)))
    const session = await one.sessions.authenticate(secret)
    await expect.poll(() => session.ending.reason?.code, { timeout: within(5_000) }).toBe('UNAUTHENTICATED')
    await expect(one.sessions.authenticate(secret)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  it.each([
    ['name', { name: 'a b' }],
    ['name', { name: 'Admin' }],
    ['name', { name: '' }],
    ['expiresAt', { expiresAt: new Date(0) }],
    ['expiresAt', { expiresAt: new Date('2900-01-01') }],
  ])('%s is checked: %j', async (field, change) => {
    const request = { name: 'right', role: 'viewer', expiresAt: null, actor: BY, ...change } as const
    await expect(one.keys.create(request)).rejects.toMatchObject({ code: 'VALIDATION', details: { field } })
  })
})

describeDatabase('the last admin', (open) => {
  let db: Database
  beforeAll(async () => {
    db = await open()
  })
  async function withProcess(use: (process: ReturnType<typeof openProcess>) => Promise<void>): Promise<void> {
    const process = openProcess(db)
    try {
      await process.sessions.refresh()
      await use(process)
    } finally {
      process.sessions.close()
    }
  }
  const viewer = { name: 'v', role: 'viewer', expiresAt: null, actor: BY } as const

  it('cannot be locked out, and the last key is revoked only by who says that the server shall be open again', () =>
    withProcess(async ({ sessions, keys }) => {
      await expect(keys.create(viewer)).rejects.toMatchObject({ code: 'CONFLICT' })
      const admin = await keys.create({ ...viewer, name: 'a', role: 'admin' })
      const seen = await keys.create(viewer)
      expect(seen.isFirst).toBe(false)
      const revoke = (id: string, reopen = false) => keys.revoke({ id, actor: BY, reopen })
      await expect(revoke(admin.key.id)).rejects.toMatchObject({ code: 'CONFLICT' })
      await expect(revoke(admin.key.id, true)).rejects.toMatchObject({ code: 'CONFLICT' })
      await revoke(seen.key.id)
      await expect(revoke(admin.key.id)).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('reopen') })
      await expect(sessions.authenticate(null)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
      expect((await sessions.authenticate(admin.secret)).principal.role).toBe('admin')
      await revoke(admin.key.id, true)
      expect((await sessions.authenticate(null)).principal.actor).toBe(BY)
    }))

  it('reopening takes the keys that expired along', () =>
    withProcess(async ({ sessions, keys }) => {
      const admin = await keys.create({ ...viewer, name: 'a', role: 'admin' })
      const expired = await keys.create({ ...viewer, expiresAt: new Date(Date.now() + within(500)) })
      await new Promise((resolve) => setTimeout(resolve, within(600)))
      await keys.revoke({ id: admin.key.id, actor: BY, reopen: true })
      expect((await sessions.authenticate(null)).principal.actor).toBe(BY)
      expect((await keys.list()).find(({ id }) => id === expired.key.id)?.revokedAt).toBeInstanceOf(Date)
    }))
})

describe('a key', () => {
  it('has 256 random bits', async () => {
    const { mintKey } = await import('../../src/keys/secret.js')
    const minted = Array.from({ length: 100 }, mintKey)
    expect(new Set(minted.map(({ text }) => text.split('_')[1])).size).toBe(100)
    expect(new Set(minted.map(({ text }) => text.slice(16))).size).toBe(100)
  })
})
