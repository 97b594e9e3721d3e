import { expect, test, vi } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
import { WAIT, within } from '../support/pace.js'
import { testStepBus } from './suite.js'

testStepBus('memory', async () => createMemoryBus())

test('faults of handlers and listeners are reported', async () => {
  const onError = vi.fn()
  const bus = createMemoryBus({ onError })
  const fault = new Error('stumbled')
  bus.consume('default', { concurrency: 1 }, () => Promise.reject(fault))
  bus.onHint('*', () => {
    throw fault
  })
  await bus.ensure({ id: '1-1-1', executionId: '1', pool: 'default' })
  bus.hint({ executionId: '1', revision: 1, eventSeq: 1 })
  await vi.waitFor(() => expect(onError.mock.calls).toEqual([[fault], [fault]]), WAIT)
  await bus.close()
})

test('a closed bus forgets its tasks, takes no new ones and says that it is closed', async () => {
  const bus = createMemoryBus()
  await bus.ensure({ id: '1-1-1', executionId: '1', pool: 'default' })
  await bus.close()
  const handler = vi.fn(async () => undefined)
  await bus.ensure({ id: '1-1-2', executionId: '1', pool: 'default' })
  expect(await bus.health()).toEqual({ isHealthy: false, detail: 'closed' })
  expect(handler).not.toHaveBeenCalled()
})

test('executions take turns: one with many tasks keeps no other waiting, and a withdrawn task is nobody’s turn', async () => {
  const bus = createMemoryBus()
  const order: string[] = []
  const of = (executionId: string, run: number) => ({ id: `${executionId}-${run}-1`, executionId, pool: 'default' })
  for (let run = 1; run <= 100; run += 1) await bus.ensure(of('1', run))
  await bus.ensure(of('2', 1))
  await bus.ensure(of('2', 2))
  await bus.ensure(of('3', 1))
  await bus.withdraw('2-1-1')
  await bus.withdraw('3-1-1')
  bus.consume('default', { concurrency: 1 }, async ({ id }) => {
    order.push(id)
    if (id === '1-2-1') await bus.ensure(of('4', 1))
  })
  await vi.waitFor(() => expect(order).toHaveLength(102), { timeout: within(10_000) })
  expect(order.slice(0, 6)).toEqual(['1-1-1', '2-2-1', '1-2-1', '1-3-1', '4-1-1', '1-4-1'])
  expect((await bus.health()).detail).toContain('0 tasks')
  await bus.close()
})
