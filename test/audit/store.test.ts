import { beforeAll, expect, test } from 'vitest'
import type { NewAuditEntry } from '../../src/audit/record.js'
import { insertEntries, pageEntries, purgeEntries } from '../../src/audit/store.js'
import type { Database } from '../../src/db/database.js'
import { describeDatabase } from '../support/database.js'

const DAY_MS = 86_400_000

function entry(given: Partial<NewAuditEntry>): NewAuditEntry {
  return {
    ...{ occurredAt: new Date(), actor: 'api:a', keyId: null, action: 'variables.written', executionId: '507861119290048685' },
    ...{ subject: null, count: 1 },
    ...given,
  }
}

describeDatabase('the audit', (open) => {
  let db: Database
  beforeAll(async () => {
    db = await open()
  })

  test('is paged, newest first, by whatever it is asked for', async () => {
    const at = (day: number) => new Date(Date.UTC(2026, 0, day, 12, 0, 0, 123))
    await insertEntries(db, [])
    await insertEntries(db, [
      entry({ occurredAt: at(1) }),
      entry({ occurredAt: at(2), actor: 'api:b', keyId: 'k', subject: 's', count: 3 }),
      entry({ occurredAt: at(3), action: 'playbook.registered', executionId: null }),
      entry({ occurredAt: at(4) }),
    ])
    const first = await pageEntries(db, { first: 3 })
    expect(first.items.map(({ occurredAt }) => occurredAt)).toEqual([at(4), at(3), at(2)])
    expect(first).toMatchObject({ hasNextPage: true, hasPreviousPage: false, totalCount: 4 })
    const seq = Number(first.items[2]?.seq)
    expect(first.items[2]).toEqual({
      seq: String(seq),
      ...entry({ occurredAt: at(2), actor: 'api:b', keyId: 'k', subject: 's', count: 3 }),
    })
    const second = await pageEntries(db, { first: 3, after: first.cursorAt(-1) })
    expect(second.items.map(({ seq }) => Number(seq))).toEqual([seq - 1])
    expect(second).toMatchObject({ hasNextPage: false, hasPreviousPage: true, totalCount: 4 })

    const days = async (request: Parameters<typeof pageEntries>[1]) =>
      (await pageEntries(db, request)).items.map(({ occurredAt }) => occurredAt.getUTCDate())
    expect(await days({ executionId: '507861119290048685' })).toEqual([4, 2, 1])
    expect(await days({ actor: 'api:b' })).toEqual([2])
    expect(await days({ actor: 'api:\0b', action: null })).toEqual([2])
    expect(await days({ action: 'playbook.registered' })).toEqual([3])
    expect(await days({ since: at(2), until: at(4) })).toEqual([3, 2])
    expect(await days({ since: at(2), until: at(4), executionId: '507861119290048685' })).toEqual([2])
    expect(await days({ actor: '' })).toEqual([])
  })

  test('keeps as many days as it shall, however much is older', async () => {
    const old = new Date(Date.now() - 31 * DAY_MS)
    const young = new Date(Date.now() - 29 * DAY_MS)
    await db.run('TRUNCATE transient.audit')
    await insertEntries(db, [...Array.from({ length: 25_000 }, () => entry({ occurredAt: old })), entry({ occurredAt: young })])
    await purgeEntries(db, 30)
    expect((await pageEntries(db, {})).items.map(({ occurredAt }) => occurredAt)).toEqual([young])
  })
})
