import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeEach, expect, test, vi } from 'vitest'
import { createMemoryBus, type StepBus } from '../../src/bus/index.js'
import type { Page, PageRequest } from '../../src/core/cursor.js'
import type { VariableFilter } from '../../src/core/filter.js'
import type { ExecutionStatus } from '../../src/core/status.js'
import type { Database } from '../../src/db/database.js'
import { createExecutionFeed } from '../../src/executions/feed.js'
import type { ExecutionRecord } from '../../src/executions/record.js'
import { createExecutionsService, type ExecutionsService } from '../../src/executions/service.js'
import { findExecution, lockExecution } from '../../src/executions/store.js'
import { variableFilterSql } from '../../src/variables/filter-sql.js'
import { describeDatabase } from '../support/database.js'
import { insertExecution, updateExecution } from '../support/executions.js'
import { WAIT } from '../support/pace.js'

describeDatabase('executions', (open) => {
  let db: Database
  let bus: StepBus
  let executions: ExecutionsService

  beforeEach(async () => {
    db ??= await open()
    await db.run('TRUNCATE transient.execution, transient.playbook, transient.step_run, noetl.transient CASCADE')
    bus = createMemoryBus()
    executions = createExecutionsService({
      db,
      bus,
      feed: createExecutionFeed({ db, bus, pollMs: 30 }),
      variableFilter: ({ name }, next) => ({
        sql: `t.var_name = $${next}::text`,
        parameters: [name?.eq ?? ''],
        isIndexed: false,
      }),
    })
  })

  const start = async (id: string, path: string | null = null, status: ExecutionStatus = 'running') => {
    if (path !== null) {
      await db.run(
        `INSERT INTO transient.playbook (path, version, name, source) VALUES ($1::text, 1, 'n', '') ON CONFLICT DO NOTHING`,
        path,
      )
    }
    return insertExecution(db, { id, status, playbookPath: path, playbookVersion: path === null ? null : 1 })
  }

  /** What a transaction that records an event does to the row. */
  const move = async (id: string, status: ExecutionStatus = 'running', isHinted = true) => {
    const eventSeq = await db.transaction(async (tx) => {
      await tx.run(`INSERT INTO transient.execution (id, status) VALUES ($1::bigint, 'running') ON CONFLICT (id) DO NOTHING`, id)
      const eventSeq = ((await lockExecution(tx, id))?.eventSeq ?? 0) + 1
      await updateExecution(tx, id, { eventSeq, status })
      return eventSeq
    })
    if (isHinted) bus.hint({ executionId: id, revision: 0, eventSeq })
  }

  const ids = (page: Page<ExecutionRecord>) => page.items.map(({ id }) => id)

  const walk = async <T>(read: (page: PageRequest) => Promise<Page<T>>, first: number): Promise<Page<T>[]> => {
    const pages: Page<T>[] = []
    for (let after: string | null = null; ; ) {
      const page: Page<T> = await read({ first, after })
      pages.push(page)
      if (!page.hasNextPage) return pages
      after = page.cursorAt(-1)
    }
  }

  test('find and get', async () => {
    await start('7')
    expect(await executions.find('7')).toMatchObject({ id: '7', status: 'running' })
    expect(await executions.find('8')).toBeNull()
    await expect(executions.get('8')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('pages go from the newest to the oldest, also through executions born in the same microsecond', async () => {
    for (const id of ['11', '12', '13', '14', '15']) await start(id)
    await db.run(`UPDATE transient.execution SET created_at = '2026-01-01T00:00:00.123456Z' WHERE id <= 13`)
    const pages = await walk((page) => executions.list(null, page), 2)
    expect(pages.map(ids)).toEqual([['15', '14'], ['13', '12'], ['11']])
    expect(pages.map(({ hasNextPage, hasPreviousPage, totalCount }) => ({ hasNextPage, hasPreviousPage, totalCount }))).toEqual([
      { hasNextPage: true, hasPreviousPage: false, totalCount: 5 },
      { hasNextPage: true, hasPreviousPage: true, totalCount: 5 },
      { hasNextPage: false, hasPreviousPage: true, totalCount: 5 },
    ])
    expect(await executions.list(null, { first: 0 })).toMatchObject({ items: [], hasNextPage: true, totalCount: 5 })
  })

  test('a page or cursor that is none is VALIDATION', async () => {
    const cursor = (...key: string[]) => Buffer.from(JSON.stringify(key)).toString('base64url')
    const bad: PageRequest[] = [
      { first: -1 },
      { first: 251 },
      { after: 'x' },
      { after: cursor('1') },
      { after: cursor('yesterday', '1') },
      { after: cursor('2026-13-45 99:00:00+00', '1') },
      { after: cursor('2026-01-01 00:00:00+00', '9999999999999999999') },
    ]
    for (const page of bad) await expect(executions.list(null, page)).rejects.toMatchObject({ code: 'VALIDATION' })
    for (const after of ['x', cursor('a'), cursor('-1'), cursor('99999999999')]) {
      await expect(executions.steps('1', { after })).rejects.toMatchObject({ code: 'VALIDATION' })
    }
  })

  test('filters: status, path, times, parent, variables; all that is given must hold', async () => {
    await start('21', 'etl/load')
    await start('22', 'etl/clean', 'completed')
    await start('23', 'api_100%', 'failed')
    await start('24')
    await insertExecution(db, { id: '25', status: 'running', playbookPath: null, playbookVersion: null, parentId: '21' })
    await db.run(`UPDATE transient.execution SET created_at = '2025-05-05T00:00:00Z' WHERE id = 21`)
    await db.run(
      `INSERT INTO noetl.transient (execution_id, var_name, var_value) VALUES (24, 'a', '1'), (24, 'b', '1'), (22, 'a', '2')`,
    )
    const list = async (filter: Parameters<ExecutionsService['list']>[0]) => {
      const page = await executions.list(filter, {})
      expect(page.totalCount).toBe(page.items.length)
      return ids(page)
    }
    expect(await list({ status: ['completed', 'failed'] })).toEqual(['23', '22'])
    expect(await list({ status: [] })).toEqual([])
    expect(await list({ path: { eq: 'etl/load' } })).toEqual(['21'])
    expect(await list({ path: { in: ['etl/load', 'etl/clean'] } })).toEqual(['22', '21'])
    expect(await list({ path: { startsWith: 'etl/' } })).toEqual(['22', '21'])
    expect(await list({ path: { contains: '%' } })).toEqual(['23'])
    expect(await list({ path: { startsWith: 'etl/', contains: 'lea' }, status: ['completed'] })).toEqual(['22'])
    expect(await list({ startedBefore: new Date('2025-06-01') })).toEqual(['21'])
    expect(await list({ startedAfter: new Date('2025-05-05'), startedBefore: new Date('2025-05-06') })).toEqual(['21'])
    expect(await list({ parentId: '21' })).toEqual(['25'])
    expect(await list({ variables: [{ name: { eq: 'a' } }] })).toEqual(['24', '22'])
    expect(await list({ variables: [{ name: { eq: 'a' } }, { name: { eq: 'b' } }] })).toEqual(['24'])
    expect(await list({ variables: [{ name: { eq: 'a' } }], status: ['running'] })).toEqual(['24'])
    await expect(list({ path: { eq: 'a\0' } })).rejects.toMatchObject({ code: 'VALIDATION' })
  })

  test('filters on variables: as many as there are find what each of them alone finds', async () => {
    executions = createExecutionsService({ db, bus, variableFilter: variableFilterSql })
    const names = ['a', 'b', 'c']
    for (let id = 100; id < 130; id += 1) await start(String(id))
    await db.run(
      `INSERT INTO noetl.transient (execution_id, var_name, var_value)
       SELECT i, n, to_jsonb(i % (7 + ascii(n) % 3)) FROM generate_series(100, 129) i, unnest($1::text[]) n WHERE (i + ascii(n)) % 4 > 0`,
      names,
    )
    const all = async (variables: VariableFilter[]) => ids(await executions.list({ variables }, { first: 250 })).sort()
    const pool: VariableFilter[] = [
      ...names.map((eq) => ({ name: { eq } })),
      ...names.map((eq) => ({ name: { eq }, value: { gt: 1 } })),
      { name: { eq: 'a' }, value: { lt: 6 } },
      { value: { eq: 3 } },
      { value: { gte: 5 } },
      { name: { in: ['b', 'c'] }, value: { lte: 4 } },
      { name: { startsWith: 'a' }, value: { exists: true } },
      { name: { eq: 'c' }, executionId: '104' },
      {},
    ]
    const alone = await Promise.all(pool.map((filter) => all([filter])))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(pool.length - 1), { maxLength: 20 }), async (chosen) => {
        const expected = (await all([])).filter((id) => chosen.every((index) => alone[index]?.includes(id)))
        expect(await all(chosen.map((index) => pool[index] ?? {}))).toEqual(expected)
      }),
      { numRuns: 60 },
    )
    expect(alone.map((found) => found.length).every((count) => count > 0)).toBe(true)
  })

  test('twenty filters on one variable look at it once, and those that name none look through all once', async () => {
    const texts: string[] = []
    const rows = async (text: string) => {
      texts.push(text)
      return []
    }
    const counted = { ...db, reading: () => ({ rows }) } as unknown as Database
    executions = createExecutionsService({ db: counted, bus, variableFilter: variableFilterSql })
    const looks = async (variables: VariableFilter[]) => {
      texts.length = 0
      await executions.list({ variables }, { isCounted: false })
      return texts.join().split('noetl.transient').length - 1
    }
    const many = (filter: VariableFilter) => Array.from({ length: 20 }, () => filter)
    expect(await looks(many({ name: { eq: 'a' }, value: { gt: 1 } }))).toBe(1)
    expect(await looks(many({ value: { eq: 1 } }))).toBe(1)
    expect(await looks([...many({ value: { eq: 1 } }).slice(2), { name: { eq: 'a' } }, { name: { eq: 'b' } }])).toBe(3)
  })

  test('steps are the visits in order, iterations are one visit by index', async () => {
    await start('31')
    await db.run(
      `INSERT INTO transient.step_run (execution_id, run, step, visit, iteration, parent_run, status, attempts, result, envelope, error, log) VALUES
         (31, 1, 'a', 1, NULL, NULL, 'succeeded', 1, '12345678901234567890', '{"status": "success"}', NULL, 'hello'),
         (31, 2, 'loop', 1, NULL, NULL, 'running', 1, NULL, NULL, NULL, NULL),
         (31, 4, 'loop', 1, 0, 2, 'succeeded', 1, '"x"', NULL, NULL, NULL),
         (31, 3, 'loop', 1, 1, 2, 'failed', 2, NULL, NULL, '{"code": "TIMEOUT", "message": "slow", "step": "loop", "attempt": 2}', NULL),
         (31, 5, 'a', 2, NULL, NULL, 'pending', 0, NULL, NULL, NULL, NULL)`,
    )
    const steps = await walk((page) => executions.steps('31', page), 2)
    expect(steps.map(({ items }) => items.map(({ step, visit, run }) => [step, visit, run]))).toEqual([
      [
        ['a', 1, 1],
        ['loop', 1, 2],
      ],
      [['a', 2, 5]],
    ])
    expect(steps[0]).toMatchObject({ totalCount: 3, hasPreviousPage: false })
    expect(steps[0]?.items[0]).toMatchObject({
      envelope: { status: 'success' },
      log: 'hello',
      status: 'succeeded',
      iteration: null,
    })
    expect(String(steps[0]?.items[0]?.result)).toBe('12345678901234567890')
    const iterations = await executions.iterations('31', 2, {})
    expect(iterations.items.map(({ iteration, status, parentRun }) => [iteration, status, parentRun])).toEqual([
      [0, 'succeeded', 2],
      [1, 'failed', 2],
    ])
    expect(iterations.items[1]?.error).toEqual({ code: 'TIMEOUT', message: 'slow', step: 'loop', attempt: 2 })
    expect(await executions.steps('404', {})).toMatchObject({ items: [], totalCount: 0 })
  })

  test('watch sends the current state, then the newest after events, and ends with the execution', async () => {
    await start('51')
    const seen: [number, string][] = []
    const watching = (async () => {
      for await (const { eventSeq, status } of executions.watch('51', new AbortController().signal)) seen.push([eventSeq, status])
    })()
    await vi.waitFor(() => expect(seen).toEqual([[0, 'running']]), WAIT)
    await move('51')
    await vi.waitFor(() => expect(seen.at(-1)).toEqual([1, 'running']), WAIT)
    await move('51', 'completed')
    await watching
    expect(seen.at(-1)).toEqual([2, 'completed'])
    expect(seen).toHaveLength(3)
  })

  test('watch coalesces for a slow reader, and finds by itself what no hint told', async () => {
    await start('52')
    const watching = executions.watch('52', new AbortController().signal)
    expect((await watching.next()).value).toMatchObject({ eventSeq: 0 })
    for (let n = 0; n < 10; n += 1) await move('52')
    const next = (await watching.next()).value
    const later = next?.eventSeq === 10 ? next : (await watching.next()).value
    expect(later).toMatchObject({ eventSeq: 10 })
    await move('52', 'failed', false)
    expect((await watching.next()).value).toMatchObject({ eventSeq: 11, status: 'failed' })
    expect(await watching.next()).toEqual({ done: true, value: undefined })
  })

  test('watch of a finished execution sends it once; an unknown one is waited for, by hint or by poll', async () => {
    await start('53', null, 'cancelled')
    const seen: string[] = []
    for await (const { status } of executions.watch('53', new AbortController().signal)) seen.push(status)
    expect(seen).toEqual(['cancelled'])
    for (const [id, isHinted] of [
      ['404', true],
      ['405', false],
    ] as const) {
      const waiting = executions.watch(id, new AbortController().signal)
      const first = waiting.next()
      await sleep(80)
      await move(id, 'running', isHinted)
      expect((await first).value).toMatchObject({ id, status: 'running', eventSeq: 1 })
      await waiting.return(undefined)
    }
  })

  test('an abort ends every watch and removes its listeners', async () => {
    await start('54')
    const listening = vi.spyOn(bus, 'onHint')
    const abort = new AbortController()
    const watches = [executions.watch('54', abort.signal), executions.watchAll(null, abort.signal)]
    for (const watch of watches) expect((await watch.next()).value).toMatchObject({ id: '54' })
    const waiting = watches.map((watch) => watch.next())
    await sleep(60)
    abort.abort()
    expect(await Promise.all(waiting)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ])
    expect(listening).toHaveBeenCalledTimes(2)
    const reads = vi.spyOn(db, 'rows')
    bus.hint({ executionId: '54', revision: 1, eventSeq: 1 })
    await sleep(100)
    expect(reads).not.toHaveBeenCalled()
    reads.mockRestore()
  })

  test('watchAll sends all that match, newest last, then each that changes, nothing twice', async () => {
    await start('61')
    await start('62', null, 'completed')
    await start('63')
    const abort = new AbortController()
    const seen: string[] = []
    const watching = (async () => {
      for await (const { id, eventSeq, status } of executions.watchAll({ status: ['running', 'failed'] }, abort.signal)) {
        seen.push(`${id}.${eventSeq} ${status}`)
      }
    })()
    await vi.waitFor(() => expect(seen).toEqual(['61.0 running', '63.0 running']), WAIT)
    await move('63', 'failed')
    await vi.waitFor(() => expect(seen.at(-1)).toBe('63.1 failed'), WAIT)
    await move('61', 'completed')
    await start('64')
    await move('64', 'running', false)
    await vi.waitFor(() => expect(seen.at(-1)).toBe('64.1 running'), WAIT)
    await sleep(100)
    abort.abort()
    await watching
    expect(seen.filter((text) => !text.startsWith('64.0'))).toEqual([
      '61.0 running',
      '63.0 running',
      '63.1 failed',
      '64.1 running',
    ])
  })

  test('watchFromNow sends nothing of what was, and all that changes once it has said so, hinted or not', async () => {
    for (const id of ['65', '66', '67']) await start(id)
    await move('66', 'completed', false)
    const abort = new AbortController()
    const watch = executions.watchFromNow({ status: ['running', 'failed'] }, abort.signal)
    expect((await watch.next()).value).toBeNull()
    const seen: string[] = []
    const watching = (async () => {
      for await (const execution of watch) seen.push(`${execution?.id}.${execution?.eventSeq} ${execution?.status}`)
    })()
    await move('65', 'running')
    await vi.waitFor(() => expect(seen).toEqual(['65.1 running']), WAIT)
    await move('67', 'failed', false)
    await vi.waitFor(() => expect(seen.at(-1)).toBe('67.1 failed'), WAIT)
    // One who comes later sees nothing of that, though it was just now.
    const later = executions.watchFromNow(null, abort.signal)
    expect((await later.next()).value).toBeNull()
    const next = later.next()
    await start('68')
    await vi.waitFor(() => expect(seen.at(-1)).toBe('68.0 running'), WAIT)
    expect((await next).value).toMatchObject({ id: '68' })
    abort.abort()
    await watching
    expect(seen).toEqual(['65.1 running', '67.1 failed', '68.0 running'])
  })

  test('watchAll starts with more executions than one batch holds', async () => {
    await db.run(`INSERT INTO transient.execution (id, status) SELECT n, 'running' FROM generate_series(1000, 1599) AS n`)
    const abort = new AbortController()
    const seen: string[] = []
    for await (const { id } of executions.watchAll(null, abort.signal)) if (seen.push(id) === 600) break
    abort.abort()
    expect(seen).toEqual(Array.from({ length: 600 }, (_, index) => String(1000 + index)))
    expect(await findExecution(db, '1599')).not.toBeNull()
  })
})
