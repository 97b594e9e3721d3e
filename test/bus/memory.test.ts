import { expect, test, vi } from 'vitest'
import { createMemoryBus } from '../../src/bus/index.js'
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
  await vi.waitFor(() => expect(onError.mock.calls).toEqual([[fault], [fault]]))
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
