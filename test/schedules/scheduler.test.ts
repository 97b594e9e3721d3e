import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type CatalogService, createCatalogService } from '../../src/catalog/service.js'
import type { Database } from '../../src/db/database.js'
import type { Missed, Overlap } from '../../src/schedules/record.js'
import { createScheduler, type Scheduler, type Starter } from '../../src/schedules/scheduler.js'
import { createSchedulesService, type SchedulesService } from '../../src/schedules/service.js'
import { TOOLS } from '../../src/tools/index.js'
import { describeDatabase } from '../support/database.js'
import { dyingDatabase } from '../support/dying-database.js'
import { type Engine, openEngine } from '../support/engine.js'
import { keyRingOf } from '../support/keys.js'
import { within } from '../support/pace.js'
import { playbook } from '../support/source.js'

const SILENT = { warn: () => undefined }
/** Seconds that two schedulers fire every second while one of them is killed again and again. */
const KILLING_SECONDS = process.env['TEST_LONG'] ? 60 : 8

describeDatabase('schedules', (open) => {
  let db: Database
  let engine: Engine
  let catalog: CatalogService
  let schedules: SchedulesService
  let running: Scheduler[] = []
  beforeAll(async () => {
    db = await open()
    engine = await openEngine(db)
    catalog = createCatalogService({ db, tools: TOOLS })
    schedules = createSchedulesService({ db, catalog, check: engine.orchestrator.check })
    await engine.run(playbook('quick', '\n- step: a\n  vars: {n: "{{ workload.n | default(0) }}"}'))
    await engine.run(playbook('picky', '\n- step: a', { more: 'schema: {workload: {required: [n]}}' }), { n: 1 })
    await engine.run(playbook('growing', '\n- step: a'))
    const { id } = await engine.start(playbook('long', '\n- step: a\n  wait: {for: 3600}'))
    await engine.orchestrator.cancel(id, null, 'api:test')
  })
  afterEach(async () => {
    await Promise.all(running.map((one) => one.stop()))
    running = []
    await db.run('DELETE FROM transient.schedule')
  })
  afterAll(() => engine.close())

  function begin(on: Database = db, starter: Starter = engine.orchestrator): Scheduler {
    const scheduler = createScheduler({ db: on, starter, logger: SILENT })
    running.push(scheduler)
    scheduler.start()
    return scheduler
  }
  /** Puts the first instant that was not dealt with into the past. */
  const setBack = (name: string, interval: string) =>
    db.run(
      `UPDATE transient.schedule SET next_at = date_trunc('minute', now()) - $2::text::interval WHERE name = $1`,
      name,
      interval,
    )
  const fired = async (name: string) =>
    (
      await db.rows<{ instant: Date; id: bigint; status: string }>(
        `SELECT f.instant, e.id, e.status FROM transient.schedule_firing f JOIN transient.schedule s ON s.id = f.schedule_id
         JOIN transient.execution e ON e.id = f.execution_id WHERE s.name = $1 ORDER BY f.instant`,
        name,
      )
    ).map(({ instant, id, status }) => ({ at: instant.getTime(), id: String(id), status }))

  test('fires at each of its instants, with its workload, close to the time', async () => {
    begin()
    await schedules.set({ name: 'every', path: 'test/quick', everySeconds: 1, workload: { n: 7 } })
    await expect.poll(async () => (await fired('every')).length, { timeout: within(10_000) }).toBeGreaterThanOrEqual(3)
    const [first, second, third] = await fired('every')
    expect([(second?.at ?? 0) - (first?.at ?? 0), (third?.at ?? 0) - (second?.at ?? 0)]).toEqual([1000, 1000])
    const { createdAt } = await engine.ended(first?.id ?? '')
    expect(Math.abs(createdAt.getTime() - (first?.at ?? 0))).toBeLessThan(within(1000))
    expect(await engine.variables.values(first?.id ?? '')).toEqual({ n: 7 })
    const schedule = await schedules.find('every')
    expect(await schedules.lastFiring(schedule?.id ?? '')).toMatchObject({ executionId: expect.any(String) })
  })

  test.each([
    ['last', 1],
    ['all', 72],
    ['none', 0],
  ] as const)(
    'paused for three days, then resumed: of what it missed, %s',
    async (missed, count) => {
      await schedules.set({ name: 'hourly', path: 'test/quick', cron: '@hourly', missed, isPaused: true })
      // Not at a full hour, so that none of the instants is in time.
      await db.run(`UPDATE transient.schedule SET next_at = date_trunc('hour', now()) - interval '71 hours', cron = '0 * * * *'`)
      const [{ minute = 0 } = {}] = await db.rows<{ minute: number }>(
        `SELECT extract(epoch FROM now() - date_trunc('hour', now()))::double precision AS minute`,
      )
      if (minute < 5) await new Promise((resolve) => setTimeout(resolve, 5000))
      begin()
      expect((await schedules.find('hourly'))?.isPaused).toBe(true)
      await schedules.resume('hourly')
      await expect
        .poll(async () => (await schedules.find('hourly'))?.nextAt.getTime(), { timeout: within(30_000) })
        .toBeGreaterThan(Date.now())
      const found = await fired('hourly')
      expect(found).toHaveLength(count)
      if (missed === 'last') expect(found[0]?.at).toBe(Math.floor(Date.now() / 3_600_000) * 3_600_000)
    },
    60_000,
  )

  test('all makes up 100 at most, the last ones', async () => {
    await schedules.set({ name: 'many', path: 'test/quick', cron: '* * * * *', missed: 'all' })
    await setBack('many', '10 days')
    begin()
    await expect.poll(async () => (await fired('many')).length, { timeout: within(30_000) }).toBeGreaterThanOrEqual(100)
    await expect
      .poll(async () => (await schedules.find('many'))?.nextAt.getTime(), { timeout: within(30_000) })
      .toBeGreaterThan(Date.now() - 1000)
    const found = await fired('many')
    expect(found.length).toBeLessThanOrEqual(102)
    expect(found.slice(1).every(({ at }, index) => at - (found[index]?.at ?? 0) === 60_000)).toBe(true)
  }, 60_000)

  test.each(['allow', 'skip', 'cancel'] as const)('while one still runs: %s', async (overlap: Overlap) => {
    begin()
    const { firstAt } = await schedules.set({ name: 'long', path: 'test/long', everySeconds: 1, overlap })
    await expect
      .poll(async () => (await schedules.find('long'))?.nextAt.getTime(), { timeout: within(15_000) })
      .toBeGreaterThan(firstAt.getTime() + 2000)
    await schedules.pause('long')
    await Promise.all(running.map((one) => one.stop()))
    const statuses = (await fired('long')).map(({ status }) => status)
    if (overlap === 'skip') expect(statuses).toEqual(['running'])
    else expect(statuses.length).toBeGreaterThanOrEqual(3)
    const before = overlap === 'cancel' ? 'cancelled' : 'running'
    expect(statuses).toEqual(statuses.map((_, index) => (index === statuses.length - 1 ? 'running' : before)))
    for (const { id, status } of await fired('long'))
      if (status === 'running') await engine.orchestrator.cancel(id, null, 'api:test')
  })

  test('of two processes, one killed again and again at any statement: every instant fires once', async () => {
    begin()
    await schedules.set({ name: 'killed', path: 'test/quick', everySeconds: 1, missed: 'all' })
    const until = Date.now() + KILLING_SECONDS * 1000
    for (let diesAt = 1; Date.now() < until; diesAt = (diesAt % 23) + 1) {
      const dying = dyingDatabase(db, diesAt)
      const second = await openEngine(dying.db, { leaseMs: 1000 }).catch(() => null)
      const scheduler = begin(dying.db, second?.orchestrator ?? engine.orchestrator)
      await Promise.race([dying.died, new Promise((resolve) => setTimeout(resolve, 700))])
      await scheduler.stop()
      await second?.close().catch(() => undefined)
    }
    await schedules.pause('killed')
    await Promise.all(running.map((one) => one.stop()))
    const found = await fired('killed')
    expect(found.length).toBeGreaterThanOrEqual(KILLING_SECONDS - 2)
    expect(found.slice(1).map(({ at }, index) => at - (found[index]?.at ?? 0))).toEqual(found.slice(1).map(() => 1000))
    // Nothing was started beside what is noted.
    const [{ count = 0n } = {}] = await db.rows<{ count: bigint }>(
      `SELECT count(*) AS count FROM transient.idempotency WHERE key LIKE 'schedule ' || $1 || ' %'`,
      (await schedules.find('killed'))?.id ?? '',
    )
    expect(Number(count)).toBe(found.length)
  }, 120_000)

  test('what can never start is paused, with the reason', async () => {
    await schedules.set({ name: 'refused', path: 'test/growing', cron: '* * * * *' })
    await catalog.register(playbook('growing', '\n- step: a', { more: 'schema: {workload: {required: [n]}}' }))
    await setBack('refused', '1 minute')
    await schedules.set({ name: 'gone', path: 'test/quick', cron: '* * * * *' })
    await setBack('gone', '1 minute')
    await db.run(`UPDATE transient.schedule SET path = 'test/gone' WHERE name = 'gone'`)
    begin()
    await expect.poll(async () => (await schedules.find('gone'))?.isPaused, { timeout: within(10_000) }).toBe(true)
    expect((await schedules.find('gone'))?.reason).toMatch(/^NOT_FOUND: .*test\/gone/)
    await expect.poll(async () => (await schedules.find('refused'))?.isPaused, { timeout: within(10_000) }).toBe(true)
    expect((await schedules.find('refused'))?.reason).toMatch(/^VALIDATION: workload: does not fit/)
    expect(await schedules.resume('refused')).toMatchObject({ isPaused: false, reason: null })
  })

  test('one whose start keeps failing holds up no other, and is tried again', async () => {
    // More than are dealt with side by side.
    for (const name of ['failing', 'failing 2', 'failing 3', 'failing 4', 'failing 5', 'well']) {
      await schedules.set({ name, path: 'test/quick', cron: '* * * * *', workload: { n: name } })
      await setBack(name, name === 'well' ? '1 minute' : '2 minutes')
    }
    let isFailing = true
    const { start, cancel } = engine.orchestrator
    const starter: Starter = {
      cancel,
      async start(request) {
        if (!isFailing || request.workload?.['n'] === 'well') return start(request)
        await new Promise((resolve) => setTimeout(resolve, 20))
        throw new Error('no')
      },
    }
    begin(db, starter)
    await expect.poll(async () => (await fired('well')).length, { timeout: within(5000) }).toBe(1)
    expect(await fired('failing')).toEqual([])
    expect(await schedules.find('failing')).toMatchObject({ isPaused: false })
    isFailing = false
    await expect.poll(async () => (await fired('failing')).length, { timeout: within(5000) }).toBe(1)
  })

  test.each(['skip', 'cancel'] as const)(
    'what a process started before it was killed is neither started again nor ended, with %s',
    async (overlap) => {
      const { id } = await schedules.set({ name: 'left', path: 'test/long', cron: '* * * * *', overlap, missed: 'none' })
      await setBack('left', '30 minutes')
      const instant = (await schedules.find('left'))?.nextAt
      const key = `schedule ${id} ${instant?.toISOString()}`
      const execution = await engine.orchestrator.start({ path: 'test/long', workload: null, idempotencyKey: key })
      begin()
      await expect.poll(async () => (await fired('left')).length, { timeout: within(5000) }).toBe(1)
      expect(await fired('left')).toEqual([{ at: instant?.getTime(), id: execution.id, status: 'running' }])
      await engine.orchestrator.cancel(execution.id, null, 'api:test')
    },
  )

  test('a schedule that is set again as it was keeps its place; another rhythm begins anew', async () => {
    const input = { name: 'same', path: 'test/quick', everySeconds: 600 }
    const first = await schedules.set(input)
    expect(await schedules.set({ ...input, workload: { n: 1 } })).toMatchObject({
      id: first.id,
      nextAt: first.nextAt,
      firstAt: first.firstAt,
    })
    const other = await schedules.set({ ...input, everySeconds: 60 })
    expect(other.id).toBe(first.id)
    expect(other.nextAt.getTime()).toBeLessThan(first.nextAt.getTime())
    expect(
      (await schedules.upcoming(other, 3)).map((at, index) => at.getTime() - other.firstAt.getTime() - index * 60_000),
    ).toEqual([0, 0, 0])
    expect(await schedules.upcoming(other, 10_000)).toHaveLength(400)
  })

  test.each([
    ['no rhythm', {}, 'cron: give either cron or everySeconds'],
    ['two rhythms', { cron: '@daily', everySeconds: 5 }, 'everySeconds: give either cron or everySeconds'],
    ['seconds', { cron: '* * * * * *' }, 'cron: it has 6 fields'],
    ['a date that never comes', { cron: '0 0 31 4 *' }, 'cron: no such date ever comes'],
    ['a step of nothing', { everySeconds: 0 }, 'everySeconds: a number of seconds from 1'],
    ['a zone that is none', { cron: '@daily', timeZone: 'Mars/Olympus' }, 'timeZone: "Mars/Olympus" is no time zone'],
    ['a rule that is none', { cron: '@daily', missed: 'some' as Missed }, 'missed: last, all, none are possible'],
    ['a name that is none', { cron: '@daily', name: '' }, 'name: letters'],
    ['a workload that does not fit', { cron: '@daily', path: 'test/picky' }, "workload: does not fit the playbook's schema"],
    ['a workload that cannot be kept', { cron: '@daily', workload: { n: 'a\u0000b' } }, 'workload: a text holds a NUL'],
    ['a playbook that is not there', { cron: '@daily', path: 'test/nowhere' }, 'test/nowhere'],
    ['a version that is not there', { cron: '@daily', version: 9 }, 'version'],
  ])('refuses %s', async (_what, given, message) => {
    await expect(schedules.set({ name: 'bad', path: 'test/quick', ...given })).rejects.toThrow(message)
    expect(await schedules.find('bad')).toBeNull()
  })

  test('refuses a sensitive workload, as it would be kept readable', async () => {
    const catalog = createCatalogService({ db, tools: TOOLS, keyRing: keyRingOf('one') })
    await catalog.register(playbook('secret', '\n- step: a', { more: 'sensitive: [workload.key]' }))
    await expect(schedules.set({ name: 'bad', path: 'test/secret', cron: '@daily', workload: { key: 'hush' } })).rejects.toThrow(
      'workload: "key" is sensitive in this playbook',
    )
  })

  test('ten thousand of which none is due are one look at an index', async () => {
    await db.run(
      `INSERT INTO transient.schedule (id, name, path, every_seconds, first_at, next_at)
       SELECT 'load-' || n, 'load-' || n, 'test/quick', 86400, now() + interval '1 day', now() + n * interval '1 minute' + interval '1 hour'
       FROM generate_series(1, 10000) n`,
    )
    await db.run('ANALYZE transient.schedule')
    const plan = await db.rows<{ 'QUERY PLAN': string }>(
      'EXPLAIN (COSTS OFF) SELECT min(next_at) FROM transient.schedule WHERE NOT is_paused',
    )
    expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toContain('idx_schedule_due')
    begin()
    const before = process.cpuUsage()
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1e6).toBeLessThan(within(0.3))
    expect((await fired('load-1')).length).toBe(0)
  })
})
