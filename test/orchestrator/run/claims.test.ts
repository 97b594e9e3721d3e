import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ClaimedTask } from '../../../src/orchestrator/orchestrator.js'
import { listUnservedPools } from '../../../src/tasks/store.js'
import { describeDatabase, type TestDatabase } from '../../support/database.js'
import { type Engine, openEngine } from '../../support/engine.js'
import { within } from '../../support/pace.js'

let pools = 0

describeDatabase('claims', (open) => {
  let db: TestDatabase
  let engine: Engine
  let pool: string

  beforeAll(async () => {
    db = await open()
    engine = await openEngine(db, { maxDeliveries: 2, claimPollMs: 60_000 })
  })
  afterAll(async () => {
    await engine.close()
  })

  /** A step of a pool that only this test knows. */
  const source = (): string => {
    pools += 1
    pool = `pool${pools}`
    return JSON.stringify({
      apiVersion: 'noetl.io/v2',
      kind: 'Playbook',
      metadata: { name: pool, path: `test/${pool}` },
      workflow: [{ step: 'start', tool: 'python', code: 'result = 1', pool }],
    })
  }
  const claim = (waitMs: number, signal?: AbortSignal) =>
    engine.orchestrator.claim({ pool, workerId: 'w', waitMs: Math.min(60_000, within(waitMs)), ...(signal ? { signal } : {}) })
  const complete = (task: ClaimedTask | null) => {
    if (!task) throw new Error('nothing was claimed')
    return engine.orchestrator.complete({ taskId: task.id, attempt: task.attempt, token: task.token, result: 1 })
  }
  const deliveries = async (task: ClaimedTask | null) => {
    const rows = await db.rows<{ deliveries: number }>(
      'SELECT deliveries FROM transient.task WHERE execution_id = $1::bigint AND status <> $2',
      task?.executionId ?? null,
      'none',
    )
    return rows[0]?.deliveries
  }
  const loseLease = (task: ClaimedTask | null) =>
    db.run(
      `UPDATE transient.task SET lease_until = now() - interval '1 second', ensured_at = NULL WHERE execution_id = $1::bigint`,
      task?.executionId ?? null,
    )

  it('are answered when a task comes: looking again would take them a minute', async () => {
    const playbook = source()
    const waiting = claim(60_000)
    await sleep(50)
    const { id } = await engine.start(playbook)
    const startedAt = performance.now()
    const task = await waiting
    expect(performance.now() - startedAt, 'at the end of its wait a claim looks once more').toBeLessThan(50_000)
    expect(task?.executionId).toBe(id)
    await complete(task)
  })

  it('tell a pool that nobody serves by what waits in it, and whether that is ever taken', async () => {
    const first = async () => (await listUnservedPools(db)).find((waiting) => waiting.pool === pool)
    const playbook = source()
    await engine.start(playbook)
    const waiting = await first()
    expect(waiting).toMatchObject({ id: expect.stringMatching(/-1-1$/), deliveries: 0 })
    expect(await first(), 'nobody came').toEqual(waiting)
    const task = await claim(0)
    await engine.start(playbook)
    expect(await first(), 'a worker is there, and busy').toBeUndefined()
    await complete(task)
    expect((await first())?.id, 'a worker was there: the next task waits first').not.toBe(waiting?.id)
    await complete(await claim(0))
  })

  it('take turns by execution: one with many tasks keeps no other waiting', async () => {
    const crowd = source()
    const items = { items: Array.from({ length: 200 }, (_, index) => index) }
    const loop = crowd.replace(
      '"tool":"python"',
      '"loop":{"in":"{{ workload.items }}","iterator":"x","mode":"async","concurrency":200},"tool":"python"',
    )
    const many = await engine.start(loop, items)
    const open = () => db.rows('SELECT 1 FROM transient.task WHERE execution_id = $1::bigint AND pool = $2', many.id, pool)
    while ((await open()).length < 200) await sleep(20)
    const late = await engine.start(crowd.replace(/"path":"test\//, '"path":"test/late-'))
    const taken = [await claim(5000), await claim(5000)]
    // Neither is how many it has running what decides whose turn it is, nor which task is the oldest.
    for (const task of taken) await complete(task)
    taken.push(await claim(5000))
    expect(taken.map((task) => task?.executionId)).toEqual([many.id, late.id, many.id])
    await engine.orchestrator.cancel(many.id, null, 'api:test')
  })

  it('give each task to one of many, and null to the others', async () => {
    const playbook = source()
    const started = await Promise.all(Array.from({ length: 5 }, () => engine.start(playbook)))
    const claimed = await Promise.all(Array.from({ length: 8 }, () => claim(0)))
    expect(claimed.flatMap((task) => task?.executionId ?? []).sort()).toEqual(started.map(({ id }) => id).sort())
    expect(await claim(0)).toBeNull()
  })

  it('give several at once, to each who waits one before anybody gets another', async () => {
    const playbook = source()
    const several = (max: number, signal?: AbortSignal) =>
      engine.orchestrator.claimSeveral({ pool, workerId: 'w', waitMs: 0, max, ...(signal ? { signal } : {}) })
    const started = await Promise.all(Array.from({ length: 7 }, () => engine.start(playbook)))
    const claimed = await Promise.all([several(250), several(2), several(1)])
    expect(claimed.map(({ length }) => length)).toEqual([4, 2, 1])
    expect(
      claimed
        .flat()
        .map(({ executionId }) => executionId)
        .sort(),
    ).toEqual(started.map(({ id }) => id).sort())
    expect(await several(250)).toEqual([])
    const gone = AbortSignal.abort()
    await engine.start(playbook)
    expect(await several(250, gone)).toEqual([])
    expect(await several(250), 'nobody has it').toHaveLength(1)
    for (const max of [0, 251, 0.5]) await expect(several(max)).rejects.toMatchObject({ code: 'VALIDATION' })
  })

  it('that took many for a worker who dies are offered again when its leases end', async () => {
    const playbook = source()
    await Promise.all(Array.from({ length: 30 }, () => engine.start(playbook)))
    const dead = await engine.orchestrator.claimSeveral({ pool, workerId: 'dead', waitMs: 0, max: 250 })
    expect(dead).toHaveLength(30)
    await Promise.all(dead.map(loseLease))
    const heirs = await engine.orchestrator.claimSeveral({ pool, workerId: 'heir', waitMs: 0, max: 250 })
    expect(heirs.map(({ id }) => id).sort()).toEqual(dead.map(({ id }) => id).sort())
    const [late] = dead as [ClaimedTask]
    await expect(complete(late)).rejects.toMatchObject({ code: 'CONFLICT' })
    await Promise.all(heirs.map(complete))
  })

  it('give nothing to a caller who is gone', async () => {
    const playbook = source()
    const gone = new AbortController()
    const waiting = claim(5000, gone.signal)
    await sleep(20)
    gone.abort()
    expect(await waiting).toBeNull()
    await engine.start(playbook)
    await sleep(100)
    const task = await claim(0)
    expect(task).not.toBeNull()
    expect(await deliveries(task)).toBe(1)
  })

  it('get a task that was given back, at once and uncounted', async () => {
    await engine.start(source())
    const task = await claim(5000)
    const waiting = claim(60_000)
    await sleep(50)
    const startedAt = performance.now()
    const ticket = { taskId: task?.id ?? '', attempt: task?.attempt ?? 0, token: task?.token ?? '' }
    await engine.orchestrator.release(ticket)
    const again = await waiting
    expect(performance.now() - startedAt).toBeLessThan(50_000)
    expect(again?.id).toBe(task?.id)
    expect(await deliveries(again)).toBe(1)
    const late = [() => engine.orchestrator.release(ticket), () => engine.orchestrator.heartbeat(ticket), () => complete(task)]
    for (const call of late) {
      await expect(call()).rejects.toMatchObject({ code: 'CONFLICT' })
    }
    expect(await complete(again)).toMatchObject({ isAccepted: true })
  })

  it('refuse a completion for another execution, another attempt or a finished task, and change nothing by it', async () => {
    const playbook = source()
    const [one, other] = [await engine.start(playbook), await engine.start(playbook)]
    const held = [await claim(5000), await claim(5000)]
    const task = held.find((each) => each?.executionId === one.id)
    const stranger = held.find((each) => each?.executionId === other.id)
    if (!task || !stranger) throw new Error('both were to be claimed')
    const ticket = { taskId: task.id, attempt: task.attempt, token: task.token, result: 'wrong' }
    const next = task.id.replace(/-1$/, '-2')
    for (const wrong of [{ taskId: stranger.id }, { token: stranger.token }, { attempt: 2 }]) {
      await expect(engine.orchestrator.complete({ ...ticket, ...wrong })).rejects.toMatchObject({ code: 'CONFLICT' })
    }
    await expect(engine.orchestrator.complete({ ...ticket, taskId: next, attempt: 2 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    const before = await db.rows(
      'SELECT execution_id, status, result FROM transient.step_run WHERE execution_id = $1::bigint',
      one.id,
    )
    expect(before).toMatchObject([{ status: 'running', result: null }])
    expect(await complete(task)).toMatchObject({ isAccepted: true })
    expect(await complete(stranger)).toMatchObject({ isAccepted: true })
    expect((await engine.ended(one.id)).status).toBe('completed')
    const late = { ...ticket, token: stranger.token }
    await expect(engine.orchestrator.complete(late)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await engine.orchestrator.complete(ticket), 'a repeated report is answered, and dropped').toMatchObject({
      isAccepted: false,
    })
    const results = await db.rows('SELECT result::text AS result FROM transient.step_run WHERE execution_id = $1::bigint', one.id)
    expect(results).toEqual([{ result: '1' }])
  })

  it('refuse the completion of a step whose execution was cancelled', async () => {
    const { id } = await engine.start(source())
    const task = await claim(5000)
    await engine.orchestrator.cancel(id, null, 'test')
    await expect(complete(task)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect((await engine.ended(id)).status).toBe('cancelled')
  })

  it('find nothing in a pool that no step names, and are refused the pool of the server itself', async () => {
    pool = 'nobody-knows-it'
    expect(await claim(0)).toBeNull()
    pool = '_system'
    await expect(claim(0)).rejects.toMatchObject({ code: 'VALIDATION', message: expect.stringContaining('no pool of workers') })
  })

  it('end with TOOL_FAILED when every worker was lost, also where none is left', async () => {
    const { id } = await engine.start(source())
    for (let delivery = 1; delivery <= 2; delivery += 1) {
      const task = await claim(5000)
      expect(task?.attempt).toBe(1)
      await loseLease(task)
    }
    expect((await engine.ended(id)).error).toMatchObject({
      code: 'TOOL_FAILED',
      message: expect.stringContaining('lost 2 times'),
    })
  })

  it('made before a lease ran out get nothing any more: their worker may be frozen', async () => {
    await engine.start(source())
    const held = await claim(5000)
    const frozen = [claim(60_000), claim(60_000)]
    await sleep(100)
    await loseLease(held)
    const other = await engine.orchestrator.claim({ pool, workerId: 'other', waitMs: 60_000 })
    expect(other?.id).toBe(held?.id)
    expect(await Promise.all(frozen)).toEqual([null, null])
  })

  it('leave no task waiting on the bus once it is claimed', async () => {
    await engine.start(source())
    await complete(await claim(5000))
    await sleep(20)
    expect((await engine.bus.health()).detail).toContain('0 tasks')
  })
})
