import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import type { Database } from '../../src/db/database.js'
import { migratePostgres } from '../../src/db/migrate.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { createVariablesService, type VariablesService } from '../../src/variables/service.js'
import { within } from '../support/pace.js'
import { type PostgresCluster, startPostgresCluster } from '../support/postgres-cluster.js'
import { increment, newId, openWatch, set, write } from './support.js'

const COUNT = 30

/** The primary dies, and what takes its place lacks the last writes: transactions and events get the same numbers there again. */
describe('after a failover that lost writes', { timeout: within(60_000) }, () => {
  let cluster: PostgresCluster
  const databases: Database[] = []
  let ours: VariablesService
  let theirs: VariablesService
  let id: string
  const bus = createMemoryBus()
  const opened = () => {
    const db = createPostgresDatabase(cluster.url)
    databases.push(db)
    return createVariablesService({ db, bus })
  }

  beforeAll(async () => {
    cluster = await startPostgresCluster()
    await migratePostgres(cluster.url)
  }, within(60_000))
  beforeEach(async () => {
    ;[ours, theirs] = [opened(), opened()]
    id = newId()
    await write(ours, id, set('n', 0))
    await cluster.keepFiles()
  })
  afterAll(async () => {
    await Promise.all(databases.map((db) => db.close()))
    await cluster?.close()
  })

  /** One at a time, so that each is a transaction. */
  async function add(service: VariablesService, by: string): Promise<void> {
    for (let turn = 0; turn < COUNT; turn += 1) await answered(() => write(service, id, increment('n', by)))
  }

  it('an increment goes by what is there', async () => {
    await add(ours, '1000')
    await cluster.goBack()
    await add(theirs, '1')
    await answered(() => write(ours, id, increment('n', '1')))
    expect(await ours.find(id, 'n')).toMatchObject({ value: COUNT + 1, version: COUNT + 2 })
  })

  it('a change set goes by what is there, also where only a name is new', async () => {
    await add(ours, '1')
    await write(ours, id, set('lost', 1))
    await cluster.goBack()
    await add(theirs, '1')
    await answered(() => write(theirs, id, set('other', 1)))
    const { outcomes } = await answered(() => write(ours, id, set('lost', 2), set('n', 'x')))
    expect(outcomes).toMatchObject([{ variable: { version: 1 } }, { variable: { version: COUNT + 2 } }])
    const { variables, revision } = await ours.all(id)
    expect(revision).toBe(COUNT + 3)
    expect(variables.map(({ name }) => name).sort()).toEqual(['lost', 'n', 'other'])
  })

  it('who watches is told that revisions were lost', async () => {
    const watch = openWatch(ours, { executionId: id })
    await add(ours, '1')
    await watch.until((events) => events.at(-1)?.revision === COUNT + 1)
    await cluster.goBack()
    await expect(watch.until(() => false, 20_000)).rejects.toMatchObject({
      code: 'REVISION_GONE',
      details: { oldestRevision: 0 },
    })
  })
})

/** Tries again while the database does not answer. */
async function answered<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if ((error as { code?: string }).code !== 'OVERLOADED' || tries === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
