import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { TransientError } from '../../src/core/errors.js'
import { eventStream } from '../../src/rest/events.js'
import type { WatchEvent } from '../../src/variables/service.js'

const bookmark = (revision: number): WatchEvent => ({ kind: 'bookmark', executionId: '1', revision, changes: [] })

function open(events: AsyncGenerator<WatchEvent, void, undefined>, stalledAfterMs?: number) {
  const abort = new AbortController()
  const stream = eventStream({
    first: bookmark(1),
    events,
    abort,
    toClientError: (error) => error as TransientError,
    ...(stalledAfterMs === undefined ? {} : { stalledAfterMs }),
  })
  return { abort, reader: stream.getReader() }
}

const text = (chunk: { value?: Uint8Array | undefined }): string => Buffer.from(chunk.value ?? []).toString()

describe('eventStream', () => {
  it('fetches the next event only when the one before was taken', async () => {
    let produced = 0
    async function* endless() {
      for (;;) yield bookmark(++produced)
    }
    const { reader } = open(endless())
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
    const abort = new AbortController()
    const toClientError = (error: unknown) => error as TransientError
    const cut = () => {
      cuts += 1
    }
    const stream = eventStream({ first: bookmark(1), events: endless(), abort, toClientError, stalledAfterMs: 20, cut })
    const reader = stream.getReader()
    await reader.read()
    await sleep(80)
    expect(cuts).toBe(1)
    expect(abort.signal.aborted).toBe(true)
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
    const { reader, abort } = open(endless(), 30)
    await reader.read()
    await reader.read()
    await sleep(100)
    await expect(reader.read()).rejects.toThrow()
    expect(abort.signal.aborted).toBe(true)
    expect(isStopped).toBe(true)
  })

  it('stops watching when the reader goes while it waits', async () => {
    const abort = new AbortController()
    async function* waiting(): AsyncGenerator<WatchEvent, void, undefined> {
      await new Promise((resolve) => abort.signal.addEventListener('abort', resolve))
      yield* []
    }
    const faults: unknown[] = []
    const toClientError = (error: unknown) => {
      faults.push(error)
      return error as TransientError
    }
    const reader = eventStream({ first: bookmark(1), events: waiting(), abort, toClientError }).getReader()
    await reader.read()
    const pending = reader.read()
    await reader.cancel()
    expect((await pending).done).toBe(true)
    await sleep(10)
    expect(faults).toEqual([])
  })

  it('says why it cannot go on, and ends', async () => {
    // biome-ignore lint/correctness/useYield: it fails before it has anything to yield
    async function* gone(): AsyncGenerator<WatchEvent, void, undefined> {
      throw new TransientError('REVISION_GONE', 'trimmed', { details: { oldestRevision: 5 } })
    }
    const { reader } = open(gone())
    await reader.read()
    const last = text(await reader.read())
    expect(last).toMatch(/^event: problem\ndata: \{.*"oldest_revision":5.*"code":"REVISION_GONE"/)
    expect((await reader.read()).done).toBe(true)
  })
})
