import { expect, test } from 'vitest'
import { openDatabase } from '../../src/db/open.js'
import { createEmptyDatabase } from '../support/database.js'

test('a database is brought up to date', async () => {
  const { url, drop } = await createEmptyDatabase()
  const db = await openDatabase(url)
  expect(await db.rows('SELECT 1 FROM transient.execution')).toEqual([])
  await db.close()
  await drop()
})

test('a server that does not answer stops the start with the setting to look at', async () => {
  await expect(openDatabase('postgresql://root@127.0.0.1:1/none')).rejects.toThrow('DATABASE_URL')
})
