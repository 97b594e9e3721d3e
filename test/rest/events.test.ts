import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { TransientError } from '../../src/core/errors.js'
import { eventStream } from '../../src/core/event-stream.js'
import { eventMessages } from '../../src/rest/event-messages.js'
import type { WatchEvent } from '../../src/variables/service.js'
import { WAIT, within } from '../support/pace.js'

const bookmark = (revision: number): WatchEvent => ({ kind: 'bookmark', executionId: '1', revision, changes: [] })

type Events = AsyncGenerator<WatchEvent, void, undefined>

interface OpenOptions {
  readonly stalledAfterMs?: number
  readonly cut?: () => void
}

/** A stream that begins with a bookmark, then has the given events. */
async function open(events: (signal: AbortSignal) => Events, options: OpenOptions = {}) {
  const faults: unknown[] = []
  let watched: AbortSignal | null = null
  async function* begun(signal: AbortSignal): Events {
    watched = signal
    yield bookmark(1)
    yield* events(signal)
  }
  const messages = eventMessages({
    open: begun,
    toClientError: (error) => {
      faults.push(error)
      return error as TransientError
    },
  })
  const first = await messages.next()
  if (first === null) throw new Error('there is a first event')
  const reader = eventStream({ first, events: messages, ...options }).getReader()
  return { reader, faults, isAborted: () => watched?.aborted === true }
}

const text = (chunk: { value?: Uint8Array | undefined }): string => Buffer.from(chunk.value ?? []).toString()

describe('eventStream', () => {
  it('fetches the next event only when the one before was taken', async () => {
    let produced = 0
    async function* endless() {
      for (;;) yield bookmark(++produced)
    }
    const { reader } = await open(endless)
    expect(text(await reader.read())).toBe('event: bookmark\nid: 1\ndata: {"revision":1,"changes":[]}\n\n')
    await sleep(20)
    expect(produced).toBe(0)
    await reader.read()
    expect(produced).toBe(1)
    await reader.cancel()
  })

  it('cuts the socket where there is one: the stream itself does not fail', async () => {
    let cuts = 0
    async function* endless() {
      for (;;) yield bookmark(2)
    }
    const cut = () => {
      cuts += 1
    }
    const { reader, isAborted } = await open(endless, { stalledAfterMs: within(20), cut })
    await reader.read()
    await vi.waitFor(() => expect(cuts).toBe(1), WAIT)
    expect(isAborted()).toBe(true)
    await reader.cancel()
  })

  it('cuts off a reader that takes nothing for too long, and stops watching', async () => {
    let isStopped = false
    async function* endless() {
      try {
        for (;;) yield bookmark(2)
      } finally {
        isStopped = true
      }
    }
    const { reader, isAborted } = await open(endless, { stalledAfterMs: within(200) })
    await reader.read()
    await reader.read()
    await vi.waitFor(() => expect(isAborted()).toBe(true), WAIT)
    await expect(reader.read()).rejects.toThrow()
    expect(isAborted()).toBe(true)
    expect(isStopped).toBe(true)
  })

  it('stops watching when the reader goes while it waits', async () => {
    async function* waiting(signal: AbortSignal): Events {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      yield* []
    }
    const { reader, faults } = await open(waiting)
    await reader.read()
    const pending = reader.read()
    await reader.cancel()
    expect((await pending).done).toBe(true)
    await sleep(10)
    expect(faults).toEqual([])
  })

  it('says why it cannot go on, and ends', async () => {
    // biome-ignore lint/correctness/useYield: it fails before it has anything to yield
    async function* gone(): Events {
      throw new TransientError('REVISION_GONE', 'trimmed', { details: { oldestRevision: 5 } })
    }
    const { reader } = await open(gone)
    await reader.read()
    const last = text(await reader.read())
    expect(last).toMatch(/^event: problem\ndata: \{.*"oldest_revision":5.*"code":"REVISION_GONE"/)
    expect((await reader.read()).done).toBe(true)
  })
})
