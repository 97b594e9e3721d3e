import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { errorMessage, isUndecided, TransientError } from '../../src/core/errors.js'
import type { Database } from '../../src/db/database.js'
import { translateError } from '../../src/db/errors.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { type CreatedDatabase, createEmptyDatabase } from '../support/database.js'

/** As some libraries throw them: no Error, and without a message. */
class ErrnoError {
  readonly name = 'ErrnoError'
  constructor(readonly errno: number) {}
}

test.each<[unknown, string]>([
  [new Error('said'), 'said'],
  [new ErrnoError(51), 'ErrnoError 51'],
  [Object.assign(new Error(''), { code: 'EIO' }), 'Error EIO'],
  [
    new AggregateError([new Error('connect ECONNREFUSED ::1:5432'), new Error('connect ECONNREFUSED 127.0.0.1:5432')], ''),
    'connect ECONNREFUSED ::1:5432; connect ECONNREFUSED 127.0.0.1:5432',
  ],
  [{ some: 'thing' }, 'an error without a message'],
  [undefined, 'undefined'],
  ['text', 'text'],
])('whatever was thrown has a message: %s', (thrown, message) => {
  expect(errorMessage(thrown)).toBe(message)
})

const withState = (code: string) => Object.assign(new Error('could not extend file "base/5/16639"'), { code })

test.each<[unknown, RegExp]>([
  [withState('53100'), /disk .* is full/],
  [withState('53200'), /memory/],
  [withState('53300'), /connections/],
  [withState('58030'), /read or write its files/],
  [withState('58P01'), /read or write its files/],
  [withState('XX001'), /read or write its files/],
  [withState('57P03'), /starting or stopping/],
  [withState('57P01'), /does not answer/],
  [withState('08006'), /does not answer/],
  // Of a name with two addresses, neither of which answers.
  [Object.assign(new AggregateError([new Error('connect ECONNREFUSED ::1:1')], ''), { code: 'ECONNREFUSED' }), /does not answer/],
  [new Error('Client has encountered a connection error and is not queryable'), /does not answer/],
])('what is wrong with the database is said in words: %s', (thrown, words) => {
  const error = translateError(thrown)
  expect(error).toBeInstanceOf(TransientError)
  expect(error).toMatchObject({ code: 'OVERLOADED', message: expect.stringMatching(words), cause: thrown })
  expect((error as TransientError).message).not.toMatch(/base\/|Aborted|object/)
})

test('what is wrong with a statement stays what it is', () => {
  for (const code of ['23505', '22P02', '42601', 'XX000']) {
    const error = withState(code)
    expect(translateError(error)).toBe(error)
  }
})

describe('PostgreSQL in trouble', () => {
  let database: CreatedDatabase
  let db: Database
  const troubles: TransientError[] = []
  beforeAll(async () => {
    database = await createEmptyDatabase()
    db = createPostgresDatabase(database.url, { onTrouble: (trouble) => troubles.push(trouble) })
    await db.run('CREATE TABLE numbers (n integer)')
  })
  afterAll(async () => {
    await db?.close()
    await database?.drop()
  })
  beforeEach(() => {
    troubles.length = 0
  })

  test('refuses a write with what is wrong, tells the log, and did not do it', async () => {
    const readOnly = db.transaction(async (tx) => {
      await tx.run('SET TRANSACTION READ ONLY')
      await tx.run('INSERT INTO numbers VALUES (1)')
    })
    await expect(readOnly).rejects.toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('read-only') })
    await expect(readOnly.catch(isUndecided)).resolves.toBe(false)
    expect(troubles.map(({ cause }) => errorMessage(cause))).toEqual(['cannot execute INSERT in a read-only transaction'])
  })

  test('at a limit of its own says so, and what follows works', async () => {
    const spills = db.transaction(async (tx) => {
      await tx.run(`SET LOCAL work_mem = '64kB'`)
      await tx.run(`SET LOCAL temp_file_limit = '1kB'`)
      return tx.rows('SELECT n FROM generate_series(1, 200000) n ORDER BY md5(n::text)')
    })
    await expect(spills).rejects.toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('limit') })
    expect(await db.rows('SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(troubles).toHaveLength(1)
  })

  test("tells nobody of faults that are a statement's own, or of callers who left", async () => {
    await expect(db.rows('SELECT 1/0')).rejects.toThrow('division')
    await expect(db.reading(AbortSignal.abort()).rows('SELECT 1')).rejects.toThrow('left')
    expect(troubles).toEqual([])
  })
})
