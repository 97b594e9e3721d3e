import { beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { MACHINE_COUNT } from '../../src/core/ids.js'
import type { Database } from '../../src/db/database.js'
import { leaseMachine } from '../../src/db/machine.js'
import { describeDatabase } from '../support/database.js'

describeDatabase('machine numbers', (open) => {
  let db: Database
  beforeAll(async () => {
    db = await open()
  })
  beforeEach(async () => {
    await db.run('DELETE FROM transient.machine')
  })

  test('processes that start together get different numbers; a released one is free again', async () => {
    const leases = await Promise.all(Array.from({ length: 5 }, () => leaseMachine(db)))
    expect(leases.map(({ machine }) => machine).sort()).toEqual([0, 1, 2, 3, 4])
    const third = leases.find(({ machine }) => machine === 2)
    await third?.release()
    expect(third?.isValid()).toBe(false)
    const next = await leaseMachine(db)
    expect(next.machine).toBe(2)
    await Promise.all([...leases, next].map((lease) => lease.release()))
    expect(await db.rows('SELECT 1 FROM transient.machine')).toEqual([])
  })

  test('a lease lasts a minute and is renewed every 20 seconds', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const lease = await leaseMachine(db)
    vi.useRealTimers()
    const until = async () => {
      const [row] = await db.rows<{ seconds: number }>(
        'SELECT extract(epoch FROM leased_until - now())::float8 AS seconds FROM transient.machine',
      )
      return row?.seconds ?? 0
    }
    expect(await until()).toBeGreaterThan(55)
    await db.run(`UPDATE transient.machine SET leased_until = now() + interval '1 second'`)
    expect(await lease.renew()).toBe(true)
    expect(await until()).toBeGreaterThan(55)
    await lease.release()
  })

  test('an expired number goes to the next process, and the old one learns that it lost it', async () => {
    const first = await leaseMachine(db)
    await db.run(`UPDATE transient.machine SET leased_until = now() - interval '1 second'`)
    const second = await leaseMachine(db)
    expect(second.machine).toBe(first.machine)
    expect(await first.renew()).toBe(false)
    expect(first.isValid()).toBe(false)
    await first.release()
    expect(await second.renew()).toBe(true)
    await second.release()
  })

  test('when all numbers are taken the start is refused', async () => {
    await db.run(
      `INSERT INTO transient.machine SELECT number, 'other', now() + interval '1 minute' FROM generate_series(0, ${MACHINE_COUNT - 1}) AS number`,
    )
    await expect(leaseMachine(db)).rejects.toMatchObject({ code: 'OVERLOADED' })
  })
})
