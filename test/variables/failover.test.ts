import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import type { Database } from '../../src/db/database.js'
import { migratePostgres } from '../../src/db/migrate.js'
import { createPostgresDatabase } from '../../src/db/postgres.js'
import { createVariablesService, type VariablesService } from '../../src/variables/service.js'
import { startLine } from '../support/line.js'
import { within } from '../support/pace.js'
import { type Backup, REPLICATED, startPostgresCluster } from '../support/postgres-cluster.js'
import { increment, newId, openWatch, set, write } from './support.js'

const COUNT = 30

/** A PostgreSQL and what may take its place, at one address. */
interface Pair {
  readonly url: string
  /** What takes its place has all there is now, and nothing that comes later. */
  keep(): Promise<void>
  /** The PostgreSQL dies, and the other takes its place. */
  takeOver(): Promise<void>
  close(): Promise<void>
}

async function withReplica(): Promise<Pair> {
  const primary = await startPostgresCluster({ settings: REPLICATED })
  await migratePostgres(primary.url)
  const replica = await primary.startReplica()
  let serving = Number(new URL(primary.url).port)
  const line = await startLine(() => serving)
  const url = new URL(primary.url)
  url.port = String(line.port)
  return {
    url: url.href,
    keep: replica.detach,
    async takeOver() {
      await primary.stop('immediate')
      await replica.promote()
      serving = replica.port
    },
    async close() {
      await line.close()
      await replica.close()
      await primary.close()
    },
  }
}

async function withBackup(): Promise<Pair> {
  const { url, backUp, close } = await startPostgresCluster()
  await migratePostgres(url)
  let backup: Backup | null = null
  return {
    url,
    async keep() {
      backup = await backUp()
    },
    takeOver: async () => backup?.restore(),
    close,
  }
}

/** What takes the place of a PostgreSQL that died lacks its last writes: transactions and events get the same numbers there again. */
describe.each([
  ['a replica that lagged is promoted', withReplica],
  ['a backup is restored', withBackup],
])('after %s', { timeout: within(60_000) }, (_name, open) => {
  let pair: Pair
  let databases: Database[]
  let ours: VariablesService
  let theirs: VariablesService
  let id: string
  const bus = createMemoryBus()

  beforeEach(async () => {
    pair = await open()
    databases = [createPostgresDatabase(pair.url), createPostgresDatabase(pair.url)]
    ;[ours, theirs] = databases.map((db) => createVariablesService({ db, bus })) as [VariablesService, VariablesService]
    id = newId()
    await write(ours, id, set('n', 0))
    await pair.keep()
  }, within(60_000))
  afterEach(async () => {
    await Promise.all(databases.map((db) => db.close()))
    await pair.close()
  })

  /** One at a time, so that each is a transaction. */
  async function add(service: VariablesService, by: string): Promise<void> {
    for (let turn = 0; turn < COUNT; turn += 1) await answered(() => write(service, id, increment('n', by)))
  }

  it('an increment goes by what is there', async () => {
    await add(ours, '1000')
    await pair.takeOver()
    await add(theirs, '1')
    await answered(() => write(ours, id, increment('n', '1')))
    expect(await ours.find(id, 'n')).toMatchObject({ value: COUNT + 1, version: COUNT + 2 })
  })

  it('a change set goes by what is there, also where only a name is new', async () => {
    await add(ours, '1')
    await write(ours, id, set('lost', 1))
    await pair.takeOver()
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
    await pair.takeOver()
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
