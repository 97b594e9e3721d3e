import { beforeAll, expect, it } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import type { VariableWrite } from '../../src/commit/record.js'
import type { JsonValue } from '../../src/core/json.js'
import type { Database } from '../../src/db/database.js'
import { NO_KEYS } from '../../src/sealing/key-ring.js'
import { MASK } from '../../src/sealing/mask.js'
import { createVariablesService, type VariablesService } from '../../src/variables/service.js'
import { describeDatabase } from '../support/database.js'
import { keyRingOf } from '../support/keys.js'
import { increment, newId, openWatch, remove, set, write } from './support.js'

const SECRET = 'canary-5f1d07'
const RING = keyRingOf('one')

function secret(name: string, value: JsonValue): VariableWrite {
  return { operation: 'set', name, value, type: 'user_defined', sourceStep: null, isSensitive: true }
}

describeDatabase('sensitive variables', (open) => {
  let db: Database
  let service: VariablesService
  beforeAll(async () => {
    db = await open()
    service = withKeys(RING)
  })

  function withKeys(keyRing: typeof RING): VariablesService {
    return createVariablesService({ db, bus: createMemoryBus(), keyRing })
  }

  /** Everything that the two tables hold of an execution, as text. */
  async function rowsOf(id: string): Promise<string> {
    const rows = await db.rows<{ row: string }>(
      `SELECT t::text AS row FROM noetl.transient t WHERE execution_id = $1::bigint
       UNION ALL SELECT h::text FROM noetl.transient_history h WHERE execution_id = $1::bigint`,
      id,
    )
    return rows.map(({ row }) => row).join('\n')
  }

  it('shows the mask in every read, and the value to none but reveal', async () => {
    const id = newId()
    const { outcomes } = await write(service, id, secret('token', { key: SECRET }), set('plain', 1))
    expect(outcomes[0]?.variable).toMatchObject({ value: MASK, version: 1 })
    expect(await service.find(id, 'token')).toMatchObject({ value: MASK, sealed: expect.stringMatching(/^one:/) })
    expect(await service.read(id, 'token')).toMatchObject({ value: MASK, accessCount: 1 })
    expect(new Set((await service.all(id)).variables.map(({ value }) => value))).toEqual(new Set([1, MASK]))
    expect((await service.list({ executionId: id, first: 10 })).items.find(({ name }) => name === 'token')?.value).toBe(MASK)
    expect(await service.values(id)).toEqual({ token: MASK, plain: 1 })
    expect((await service.history({ executionId: id, name: 'token' })).items).toMatchObject([
      { value: MASK, previousValue: null, sealed: expect.stringMatching(/^one:/) },
    ])
    const watch = openWatch(service, { executionId: id, afterRevision: 0 })
    await watch.until((seen) => seen.some(({ kind }) => kind === 'changed'))
    expect(watch.changed()[0]?.changes[0]).toMatchObject({ name: 'token', value: MASK })
    await watch.stop()
    expect(await rowsOf(id)).not.toContain(SECRET)
    expect(await service.reveal(id, 'token')).toMatchObject({ value: { key: SECRET } })
    expect(await service.reveal(id, 'plain')).toMatchObject({ value: 1, sealed: null })
    expect(await service.reveal(id, 'none')).toBeNull()
  })

  it('stays sensitive without saying so, until it is deleted', async () => {
    const id = newId()
    await write(service, id, secret('token', 'first'))
    await write(service, id, set('token', SECRET))
    expect(await service.find(id, 'token')).toMatchObject({ value: MASK, version: 2 })
    const open = { ...set('token', 'open'), isSensitive: false } as VariableWrite
    await expect(write(service, id, open)).rejects.toMatchObject({ code: 'VALIDATION' })
    await write(service, id, remove('token'))
    const [deletion] = (await service.history({ executionId: id })).items.slice(-1)
    expect(deletion).toMatchObject({ operation: 'delete', value: null, previousValue: MASK, sealed: '' })
    await write(service, id, set('token', 'open'))
    expect(await service.find(id, 'token')).toMatchObject({ value: 'open', sealed: null, version: 4 })
    expect(await rowsOf(id)).not.toContain(SECRET)
  })

  it('seals the earlier history of the name in the same revision, also over a deletion and within one batch', async () => {
    const id = newId()
    await write(service, id, set('token', SECRET))
    await write(service, id, set('token', `${SECRET}-2`))
    await write(service, id, remove('token'))
    await Promise.all([
      write(service, id, set('token', `${SECRET}-3`)),
      write(service, id, set('token', `${SECRET}-4`)),
      write(service, id, secret('token', `${SECRET}-5`)),
      write(service, id, set('other', 'stays')),
    ])
    expect(await rowsOf(id)).not.toContain(SECRET)
    expect(await rowsOf(id)).toContain('stays')
    const { items } = await service.history({ executionId: id, name: 'token' })
    expect(items.map(({ operation, value, sealed }) => [operation, value, sealed === ''])).toEqual([
      ['set', MASK, false],
      ['set', MASK, false],
      ['delete', null, true],
      ['set', MASK, false],
      ['set', MASK, false],
      ['set', MASK, false],
    ])
    expect(await service.reveal(id, 'token')).toMatchObject({ value: `${SECRET}-5` })
  })

  it('is a change at every write, so that nobody finds out its value by guessing', async () => {
    const id = newId()
    await write(service, id, secret('token', SECRET))
    const { outcomes, revision } = await write(service, id, set('token', SECRET))
    expect([outcomes[0]?.isChanged, revision]).toEqual([true, 2])
  })

  it('keeps its value where the mask is sent back', async () => {
    const id = newId()
    await write(service, id, secret('token', [SECRET, 507861119290048685n.toString()]))
    await write(service, id, set('token', MASK, { sourceStep: 'edited' }))
    expect(await service.reveal(id, 'token')).toMatchObject({ value: [SECRET, '507861119290048685'], sourceStep: 'edited' })
    await write(service, id, set('plain', MASK))
    expect(await service.find(id, 'plain')).toMatchObject({ value: MASK, sealed: null })
  })

  it('cannot be incremented, and matches no filter on its value', async () => {
    const id = newId()
    await write(service, id, secret('count', 41))
    await expect(write(service, id, increment('count'))).rejects.toMatchObject({ code: 'VALIDATION' })
    const found = async (value: object) => (await service.search({ executionId: id, value }, {})).items.length
    expect(await found({ eq: 41 })).toBe(0)
    expect(await found({ gt: 1 })).toBe(0)
    expect(await found({ eq: MASK })).toBe(0)
    expect(await found({ path: '', exists: true })).toBe(0)
    expect((await service.search({ executionId: id, name: { eq: 'count' } }, {})).items).toHaveLength(1)
    await expect(write(service, id, set('count', 1, { expectedVersion: 9 }))).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { currentValue: MASK },
    })
  })

  it('counts the size of the value behind the mask', async () => {
    const id = newId()
    await write(service, id, secret('token', 'é'.repeat(500)))
    const bytes = async () => {
      const [row] = await db.rows<{ bytes: bigint }>(
        'SELECT variable_bytes AS bytes FROM transient.execution WHERE id = $1::bigint',
        id,
      )
      return Number(row?.bytes)
    }
    expect(await bytes()).toBe(1002)
    await write(service, id, set('token', 'x'))
    expect(await bytes()).toBe(3)
    const large = write(service, id, set('token', 'x'.repeat(300_000)))
    await expect(large).rejects.toMatchObject({ code: 'TOO_LARGE', message: expect.not.stringContaining('300002') })
    await write(service, id, remove('token'))
    expect(await bytes()).toBe(0)
  })

  it('is refused by a server without keys, which stores nothing, and can still delete', async () => {
    const id = newId()
    await write(service, id, secret('token', SECRET))
    const keyless = withKeys(NO_KEYS)
    await expect(write(keyless, newId(), secret('a', 1))).rejects.toMatchObject({
      code: 'VALIDATION',
      message: expect.stringContaining('ENCRYPTION_KEYS'),
    })
    await expect(write(keyless, id, set('token', 'plain'))).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(await keyless.find(id, 'token')).toMatchObject({ value: MASK, version: 1 })
    await write(keyless, id, remove('token'))
    expect(await keyless.find(id, 'token')).toBeNull()
  })

  it('says which key is missing, and leaves the rest alone', async () => {
    const id = newId()
    await write(service, id, secret('token', SECRET), set('plain', 1))
    const other = withKeys(keyRingOf('two'))
    await expect(other.reveal(id, 'token')).rejects.toMatchObject({ code: 'INTERNAL', details: { keyId: 'one' } })
    expect(await other.find(id, 'plain')).toMatchObject({ value: 1 })
    await write(other, id, set('token', 'new'))
    expect(await other.reveal(id, 'token')).toMatchObject({ value: 'new', sealed: expect.stringMatching(/^two:/) })
  })

  it('opens in its own row only', async () => {
    const [id, other] = [newId(), newId()]
    await write(service, id, secret('token', SECRET))
    await write(service, other, secret('token', 'mine'))
    await db.run(
      `UPDATE noetl.transient SET sealed = (SELECT sealed FROM noetl.transient WHERE execution_id = $1::bigint)
       WHERE execution_id = $2::bigint`,
      id,
      other,
    )
    await expect(service.reveal(other, 'token')).rejects.toMatchObject({ code: 'INTERNAL' })
  })
})
