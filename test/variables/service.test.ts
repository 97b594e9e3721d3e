import { randomBytes } from 'node:crypto'
import { beforeAll, expect, it } from 'vitest'
import { type JsonValue, parseJson, stringifyJson } from '../../src/core/json.js'
import type { Database } from '../../src/db/database.js'
import { findExecution, lockExecution } from '../../src/executions/store.js'
import type { VariablesService } from '../../src/variables/service.js'
import { describeDatabase } from '../support/database.js'
import { updateExecution } from '../support/executions.js'
import { ACTOR, createService, increment, newId, remove, set, write } from './support.js'

describeDatabase('the variables service', (open) => {
  let db: Database
  let service: VariablesService
  beforeAll(async () => {
    db = await open()
    service = createService(db)
  })

  it('creates the execution with its first variable, and counts', async () => {
    const id = newId()
    const result = await write(service, id, set('a', { b: [1, 'é'] }), set('c', null))
    expect(result).toMatchObject({
      revision: 1,
      outcomes: [
        { name: 'a', isChanged: true },
        { name: 'c', isChanged: true },
      ],
    })
    expect(await findExecution(db, id)).toMatchObject({
      status: 'running',
      playbookPath: null,
      revision: 1,
      eventSeq: 1,
      variableCount: 2,
      variableBytes: '{"b":[1,"é"]}'.length + 1 + 4,
      historyCount: 2,
    })
    expect(await service.values(id)).toEqual({ a: { b: [1, 'é'] }, c: null })
  })

  it('keeps every digit', async () => {
    const id = newId()
    const text = '{"big":507861119290048685123,"decimal":1.10,"list":[0.1,1E2]}'
    await write(service, id, set('a', parseJson(text)), increment('n', '1.10'))
    const read = await service.read(id, 'a')
    expect(sortedText(read?.value)).toBe('{"big":507861119290048685123,"decimal":1.10,"list":[0.1,100]}')
    expect(stringifyJson((await service.find(id, 'n'))?.value as JsonValue)).toBe('1.10')
    const history = await service.history({ executionId: id, name: 'a' })
    expect(sortedText(history.items[0]?.value)).toBe('{"big":507861119290048685123,"decimal":1.10,"list":[0.1,100]}')
  })

  it('nests as deep as it allows', async () => {
    const id = newId()
    const value = parseJson('['.repeat(500) + ']'.repeat(500))
    await write(service, id, set('a', value))
    expect((await service.find(id, 'a'))?.value).toEqual(value)
  })

  it('changes nothing where nothing differs', async () => {
    const id = newId()
    const first = await write(service, id, set('a', 1))
    const before = await service.find(id, 'a')
    const again = await write(service, id, set('a', 1))
    expect(again).toEqual({ revision: first.revision, outcomes: [{ name: 'a', variable: before, isChanged: false }] })
    expect(await service.find(id, 'a')).toEqual(before)
    expect((await findExecution(db, id))?.eventSeq).toBe(1)
    expect((await write(service, id, set('a', parseJson('1.0')))).revision).toBe(2)
    expect((await write(service, id, set('a', parseJson('1.0'), { type: 'computed' }))).revision).toBe(3)
    expect((await write(service, id, set('a', parseJson('1.0'), { type: 'computed', sourceStep: 's' }))).revision).toBe(4)
  })

  it('is all or nothing', async () => {
    const id = newId()
    await write(service, id, set('a', 1))
    await expect(write(service, id, set('a', 2), set('b', 1, { expectedVersion: 3 }))).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(write(service, id, set('a', 2), increment('b', 'x'))).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(await service.values(id)).toEqual({ a: 1 })
    const absent = newId()
    await expect(write(service, absent, set('a', 1), set('a', 2))).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(await findExecution(db, absent)).toBeNull()
  })

  it('goes on with the version after a delete', async () => {
    const id = newId()
    await write(service, id, set('a', 1))
    await service.read(id, 'a')
    await write(service, id, set('a', 2, { expectedVersion: 1 }))
    expect(await service.find(id, 'a')).toMatchObject({ version: 2, accessCount: 1 })
    expect((await write(service, id, remove('a', 2))).outcomes).toEqual([{ name: 'a', variable: null, isChanged: true }])
    const [outcome] = (await write(service, id, set('a', 3, { expectedVersion: 0 }))).outcomes
    expect(outcome?.variable).toMatchObject({ version: 4, accessCount: 0, revision: 4 })
    await expect(write(service, id, set('a', 4, { expectedVersion: 2 }))).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { name: 'a', currentVersion: 4, currentValue: 3 },
    })
  })

  it('deletes nothing where nothing is, without creating the execution', async () => {
    const id = newId()
    expect(await write(service, id, remove('a'))).toEqual({
      revision: 0,
      outcomes: [{ name: 'a', variable: null, isChanged: false }],
    })
    expect(await service.deleteAll(id, ACTOR)).toEqual({ revision: 0, deletedCount: 0 })
    expect(await findExecution(db, id)).toBeNull()
    await expect(write(service, id, remove('a', 1))).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  it('deletes all as one change set', async () => {
    const id = newId()
    await write(service, id, set('a', 1), set('b', 2))
    expect(await service.deleteAll(id, ACTOR)).toEqual({ revision: 2, deletedCount: 2 })
    expect(await service.deleteAll(id, ACTOR)).toEqual({ revision: 2, deletedCount: 0 })
    expect(await findExecution(db, id)).toMatchObject({ variableCount: 0, variableBytes: 0, historyCount: 4 })
    const history = await service.history({ executionId: id })
    expect(history.items.map(({ revision, seq, name, operation }) => [revision, seq, name, operation])).toEqual([
      [1, 1, 'a', 'set'],
      [1, 2, 'b', 'set'],
      [2, 1, 'a', 'delete'],
      [2, 2, 'b', 'delete'],
    ])
  })

  it('refuses writes after the end', async () => {
    const id = newId()
    await write(service, id, set('a', 1))
    await db.transaction(async (tx) => {
      await lockExecution(tx, id)
      await updateExecution(tx, id, { status: 'cancelled', finishedAt: new Date() })
    })
    await expect(write(service, id, set('a', 2))).rejects.toMatchObject({ code: 'EXECUTION_FINISHED' })
    await expect(write(service, id, remove('a'))).rejects.toMatchObject({ code: 'EXECUTION_FINISHED' })
    await expect(service.deleteAll(id, ACTOR)).rejects.toMatchObject({ code: 'EXECUTION_FINISHED' })
    expect(await service.read(id, 'a')).toMatchObject({ accessCount: 1 })
  })

  it('refuses names that no database can hold before any statement', async () => {
    const id = newId()
    await write(service, id, set('a', 1))
    for (const name of ['a\0', 'a\ud800']) {
      for (const one of [set(name, 1), increment(name), remove(name)]) {
        await expect(write(service, id, one)).rejects.toMatchObject({ code: 'VALIDATION' })
      }
      await expect(service.history({ executionId: id, name })).rejects.toMatchObject({ code: 'VALIDATION' })
    }
  })

  it('refuses a source step that its index could not take', async () => {
    // Random, so that compression cannot save it.
    const long = Array.from(randomBytes(1000), (byte) => String.fromCodePoint(0x4e00 + byte)).join('')
    const tooLong = write(service, newId(), set('a', 1, { sourceStep: long }))
    await expect(tooLong).rejects.toMatchObject({ code: 'VALIDATION', message: expect.stringContaining('bytes') })
    await write(service, newId(), set('a', 1, { sourceStep: long.slice(0, 333) }))
  })

  it('refuses bad names and ids of reads', async () => {
    await expect(service.read(newId(), 'a b')).rejects.toMatchObject({ code: 'VALIDATION' })
    await expect(service.find(newId(), 'a\0')).rejects.toMatchObject({ code: 'VALIDATION' })
    await expect(service.values('0')).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(await service.read(newId(), 'a')).toBeNull()
  })

  it('counts concurrent reads exactly, beside writes', async () => {
    const id = newId()
    await write(service, id, set('a', 0), set('b', 0))
    const reads = Array.from({ length: 60 }, (_, index) => service.read(id, index % 3 === 0 ? 'b' : 'a'))
    const writes = Array.from({ length: 5 }, (_, index) => write(service, id, set('a', index + 1)))
    const read = await Promise.all(reads)
    await Promise.all(writes)
    const counts = (name: string) => read.flatMap((one) => (one?.name === name ? [one.accessCount] : [])).sort((x, y) => x - y)
    expect(counts('a')).toEqual(Array.from({ length: 40 }, (_, index) => index + 1))
    expect(counts('b')).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
    expect(await service.find(id, 'a')).toMatchObject({ accessCount: 40, version: 6 })
  })

  it('loses no update of 20 concurrent writers, and leaves no gap', async () => {
    const id = newId()
    const results = await Promise.all(
      Array.from({ length: 20 }, async (_, writer) => {
        const revisions: number[] = []
        for (let round = 0; round < 5; round += 1) {
          revisions.push((await write(service, id, increment('total'), set(`w${writer}`, round))).revision)
        }
        return revisions
      }),
    )
    expect(results.flat().sort((x, y) => x - y)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
    expect(await service.find(id, 'total')).toMatchObject({ value: 100, version: 100, revision: 100 })
    const history = await service.history({ executionId: id, name: 'total', first: 250 })
    expect(history.items.map((change) => [change.revision, change.previousValue, change.value])).toEqual(
      Array.from({ length: 100 }, (_, index) => [index + 1, index === 0 ? null : index, index + 1]),
    )
  })
})

function sortedText(value: JsonValue | undefined): string {
  const object = value as Record<string, JsonValue>
  return stringifyJson(
    Object.fromEntries(
      Object.keys(object)
        .sort()
        .map((key) => [key, object[key] as JsonValue]),
    ),
  )
}
