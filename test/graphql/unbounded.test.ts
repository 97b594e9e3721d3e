import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect, it } from 'vitest'
import { createEmptyDatabase } from '../support/database.js'
import { within } from '../support/pace.js'
import { codesOf, startInProcess } from './server.js'

/** TEST_LONG=1 runs it; `.ci/run` does. */
const isLong = process.env['TEST_LONG'] === '1'
const WRITE = 'mutation { upsertVariable(input: { executionId: "5", name: "w", value: 1 }) { revision } }'

it.runIf(isLong)(
  'a search that looks at a million variables ends in its time, says what to do, and keeps no write waiting',
  {
    timeout: within(150_000),
  },
  async () => {
    const database = await createEmptyDatabase()
    const server = await startInProcess({ DATABASE_URL: database.url })
    try {
      const client = new pg.Client({ connectionString: database.url })
      await client.connect()
      await client.query(`INSERT INTO transient.execution (id, status) SELECT n, 'running' FROM generate_series(1, 100000) n`)
      await client.query(
        `INSERT INTO noetl.transient (execution_id, var_name, var_value)
       SELECT n, 'v' || m, jsonb_build_object('a', repeat('x', 100)) FROM generate_series(1, 100000) n, generate_series(1, 10) m`,
      )
      await client.end()
      const filters = Array.from({ length: 20 }, (_, index) => `{ value: { path: "/a", contains: "x${index}" } }`)
      const query = `{ executions(filter: { variables: [${filters}] }) { totalCount nodes { id } } }`
      const began = performance.now()
      const searches = Promise.all(Array.from({ length: 8 }, () => server.ask(query)))
      for (let index = 0; index < 4; index += 1) {
        const wrote = performance.now()
        expect((await server.ask(WRITE)).errors).toEqual([])
        expect(performance.now() - wrote).toBeLessThan(within(1_000))
        await sleep(1_000)
      }
      for (const answer of await searches) {
        expect(codesOf(answer)).toEqual(['OVERLOADED'])
        expect(answer.text).toContain('ask for less (a narrower filter')
      }
      expect(performance.now() - began).toBeLessThan(within(13_000))
    } finally {
      await server.close()
      await database.drop()
    }
  },
)
