import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/db/open.js'
import { openPostgres } from '../support/postgres.js'
import { createCaller, environmentWith } from './call.js'
import { sqlInput } from './sql.js'

const postgres = openPostgres()

describe("the product's own database", () => {
  it('is refused to a postgres step, by whatever way, unless its role cannot come at the tables', async () => {
    const url = await postgres.createDatabase()
    await (await openDatabase(url)).close()
    const admin = new pg.Client({ connectionString: url })
    await admin.connect()
    const role = `steps_${process.pid}_${Date.now().toString(36)}`
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'steps'`)
    const asRole = new URL(url)
    asRole.username = role
    asRole.password = 'steps'
    const connections = new Map([
      ['own', url],
      ['role', asRole.href],
    ])
    const sql = createCaller('postgres', environmentWith({ connections }))
    const ask = (auth: string) => ({ ...sqlInput('select 7 as n'), auth })
    try {
      expect(await sql.error(ask('own'))).toMatch(/product's own database: give postgres steps a database of their own/)
      expect(await sql.data(ask('role'))).toEqual([{ n: 7 }])
      await admin.query(`GRANT USAGE ON SCHEMA noetl TO ${role}`)
      await sql.close()
      const again = createCaller('postgres', environmentWith({ connections }))
      expect(await again.error(ask('role'))).toMatch(/product's own database/)
      await again.close()
    } finally {
      await sql.close()
      await admin.query(`REVOKE ALL ON SCHEMA noetl FROM ${role}`)
      await admin.query(`DROP ROLE ${role}`)
      await admin.end()
      await postgres.close()
    }
  })
})
