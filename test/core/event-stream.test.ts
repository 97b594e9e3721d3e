import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { eventStream } from '../../src/core/event-stream.js'

it('a source that fails fails its stream, is closed, and is followed by no ping', async () => {
  let isClosed = false
  const events = {
    next: () => Promise.reject(new Error('refused')),
    takeReady: () => null,
    close: () => {
      isClosed = true
    },
  }
  const reader = eventStream({ events, pingMs: 5 }).getReader()
  await expect(reader.read()).rejects.toThrow('refused')
  expect(isClosed).toBe(true)
  // A ping would be an uncaught exception, which fails the run.
  await sleep(50)
})
