import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Hint, StepBus, TaskRef } from '../../src/bus/bus.js'
import { WAIT } from '../support/pace.js'

/** How long something is awaited that must not happen. */
const QUIET_MS = 150

/** What every implementation of the engine's port must do. `open` gives a bus of its own for each test; the suite closes it. */
export function testStepBus(name: string, open: () => Promise<StepBus>): void {
  describe(`step bus: ${name}`, () => {
    let bus: StepBus
    let pool: string

    beforeEach(async () => {
      bus = await open()
      pool = `pool-${randomUUID()}`
    })
    afterEach(() => bus.close())

    const task = (id: string): TaskRef => ({ id: `${id}-${pool}`, executionId: '1', pool })

    taskTests({ bus: () => bus, pool: () => pool, task })
    stopTests({ bus: () => bus, pool: () => pool, task })
    hintTests(() => bus)

    test('says whether it is healthy', async () => {
      expect(await bus.health()).toMatchObject({ isHealthy: true, detail: expect.any(String) })
    })
  })
}

interface Fixture {
  readonly bus: () => StepBus
  readonly pool: () => string
  readonly task: (id: string) => TaskRef
}

function taskTests({ bus, pool, task }: Fixture): void {
  test('a task is offered once however often it is ensured, and again when it is ensured after it ran', async () => {
    const handler = vi.fn(async (_task: TaskRef) => undefined)
    await Promise.all([bus().ensure(task('a')), bus().ensure(task('a')), bus().ensure(task('a'))])
    bus().consume(pool(), { concurrency: 4 }, handler)
    await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(1), WAIT)
    expect(handler).toHaveBeenCalledWith(task('a'))
    await sleep(QUIET_MS)
    expect(handler).toHaveBeenCalledTimes(1)
    await bus().ensure(task('a'))
    await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(2), WAIT)
  })

  test('a running task is not offered a second time', async () => {
    const gate = createGate()
    const handler = vi.fn(() => gate.opened)
    bus().consume(pool(), { concurrency: 4 }, handler)
    await bus().ensure(task('a'))
    await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(1), WAIT)
    await bus().ensure(task('a'))
    await sleep(QUIET_MS)
    expect(handler).toHaveBeenCalledTimes(1)
    gate.open()
  })

  test('tasks of one pool are offered in the order of ensure, and to that pool only', async () => {
    const seen: string[] = []
    const other = vi.fn(async () => undefined)
    for (const id of ['a', 'b', 'c', 'd']) await bus().ensure(task(id))
    bus().consume(`other-${pool()}`, { concurrency: 1 }, other)
    bus().consume(pool(), { concurrency: 1 }, async ({ id }) => {
      seen.push(id)
    })
    await vi.waitFor(() => expect(seen).toEqual(['a', 'b', 'c', 'd'].map((id) => task(id).id)), WAIT)
    expect(other).not.toHaveBeenCalled()
  })

  test('a consumer never runs more tasks at once than its concurrency', async () => {
    let running = 0
    let most = 0
    let done = 0
    bus().consume(pool(), { concurrency: 3 }, async () => {
      running += 1
      most = Math.max(most, running)
      await sleep(10)
      running -= 1
      done += 1
    })
    await Promise.all(Array.from({ length: 20 }, (_, index) => bus().ensure(task(String(index)))))
    await vi.waitFor(() => expect(done).toBe(20), WAIT)
    expect(most).toBe(3)
  })

  test('two consumers of a pool share its tasks', async () => {
    const gate = createGate()
    const seen: string[] = []
    for (const name of ['one', 'two']) {
      bus().consume(pool(), { concurrency: 1 }, async () => {
        seen.push(name)
        await gate.opened
      })
    }
    await bus().ensure(task('a'))
    await bus().ensure(task('b'))
    await vi.waitFor(() => expect(seen.sort()).toEqual(['one', 'two']), WAIT)
    gate.open()
  })

  test('a handler that rejects leaves the task to the relay, which ensures it again', async () => {
    let calls = 0
    bus().consume(pool(), { concurrency: 1 }, async () => {
      calls += 1
      if (calls === 1) throw new Error('the worker stumbled')
    })
    await vi.waitFor(async () => {
      await bus().ensure(task('a'))
      expect(calls).toBeGreaterThanOrEqual(2)
    }, WAIT)
  })

  test('a withdrawn task is not offered; withdrawing an unknown one does nothing', async () => {
    const seen: string[] = []
    await bus().ensure(task('a'))
    await bus().ensure(task('b'))
    await bus().withdraw(task('a').id)
    await bus().withdraw(task('never').id)
    bus().consume(pool(), { concurrency: 1 }, async ({ id }) => {
      seen.push(id)
    })
    await vi.waitFor(() => expect(seen).toEqual([task('b').id]), WAIT)
    await sleep(QUIET_MS)
    expect(seen).toEqual([task('b').id])
    await bus().ensure(task('a'))
    await vi.waitFor(() => expect(seen).toEqual([task('b').id, task('a').id]), WAIT)
  })
}

function stopTests({ bus, pool, task }: Fixture): void {
  test('stop waits for the handlers that run; later tasks wait for the next consumer', async () => {
    const gate = createGate()
    const first = vi.fn(() => gate.opened)
    const stop = bus().consume(pool(), { concurrency: 1 }, first)
    await bus().ensure(task('a'))
    await vi.waitFor(() => expect(first).toHaveBeenCalledTimes(1), WAIT)
    let isStopped = false
    const stopped = stop().then(() => {
      isStopped = true
    })
    await bus().ensure(task('b'))
    await sleep(QUIET_MS)
    expect({ isStopped, calls: first.mock.calls.length }).toEqual({ isStopped: false, calls: 1 })
    gate.open()
    await stopped
    const second = vi.fn(async (_task: TaskRef) => undefined)
    bus().consume(pool(), { concurrency: 1 }, second)
    await vi.waitFor(() => expect(second).toHaveBeenCalledWith(task('b')), WAIT)
    expect(first).toHaveBeenCalledTimes(1)
  })
}

function hintTests(bus: () => StepBus): void {
  test('a hint wakes the listeners of its execution and those of all, until they unsubscribe', async () => {
    const id = String(Math.floor(Math.random() * 1e12) + 1)
    const hint: Hint = { executionId: id, revision: 3, eventSeq: 7 }
    const own = vi.fn()
    const other = vi.fn()
    const all: Hint[] = []
    const offOwn = bus().onHint(id, own)
    bus().onHint(`${id}0`, other)
    const offAll = bus().onHint('*', (heard) => all.push(heard))
    await vi.waitFor(() => {
      bus().hint(hint)
      expect(own).toHaveBeenCalledWith(hint)
      expect(all).toContainEqual(hint)
    }, WAIT)
    await sleep(QUIET_MS)
    offOwn()
    offAll()
    const heard = own.mock.calls.length
    bus().hint({ ...hint, revision: 4 })
    await sleep(QUIET_MS)
    expect(own).toHaveBeenCalledTimes(heard)
    expect(all).not.toContainEqual({ ...hint, revision: 4 })
    expect(other).not.toHaveBeenCalled()
  })

  test('a listener that throws harms neither the sender nor the other listeners', async () => {
    const id = String(Math.floor(Math.random() * 1e12) + 1)
    const other = vi.fn()
    bus().onHint(id, () => {
      throw new Error('a listener stumbled')
    })
    bus().onHint(id, other)
    await vi.waitFor(() => {
      bus().hint({ executionId: id, revision: 1, eventSeq: 1 })
      expect(other).toHaveBeenCalled()
    }, WAIT)
  })
}

function createGate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
