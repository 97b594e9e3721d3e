import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/index.js'
import { createEmptyPostgres, serverUrl } from '../support/database.js'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'transient-open-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('the embedded database is made, locked, kept over a restart and released', async () => {
  const dataDir = join(folder, 'data')
  const first = await openDatabase({ databaseUrl: null, dataDir })
  expect(first.dialect).toBe('pglite')
  await first.run(`INSERT INTO transient.execution (id, status) VALUES (1, 'running')`)
  await expect(openDatabase({ databaseUrl: null, dataDir })).rejects.toThrow('in use by process')
  await first.close()
  await expect(access(join(dataDir, 'lock'))).rejects.toThrow('ENOENT')
  const second = await openDatabase({ databaseUrl: null, dataDir })
  expect(await second.rows('SELECT id FROM transient.execution')).toEqual([{ id: 1n }])
  await second.close()
})

test.skipIf(serverUrl === null)('PostgreSQL is migrated and needs no data folder', async () => {
  const { url, drop } = await createEmptyPostgres(serverUrl ?? '')
  const db = await openDatabase({ databaseUrl: url, dataDir: folder })
  expect(db.dialect).toBe('postgres')
  expect(await db.rows('SELECT 1 FROM transient.execution')).toEqual([])
  await db.close()
  await drop()
})

test('a server that does not answer stops the start with the setting to look at', async () => {
  await expect(openDatabase({ databaseUrl: 'postgresql://root@127.0.0.1:1/none', dataDir: folder })).rejects.toThrow(
    'DATABASE_URL',
  )
})
