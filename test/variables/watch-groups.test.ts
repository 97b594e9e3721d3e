import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { MessageStream, Positioned } from '../../src/variables/watch/watch-group.js'
import { createWatchGroups } from '../../src/variables/watch/watch-groups.js'
import { createRandom } from '../support/random.js'

/** A change log in memory whose streams count what they read. */
function createLog({ bytes = 10 } = {}) {
  let last = 0
  let woken: (() => void)[] = []
  const counts = { opened: 0, closed: 0, read: 0 }

  function open(after: number): MessageStream<Positioned> {
    counts.opened += 1
    let cursor = after
    let isSubscribed = false
    let isClosed = false
    return {
      async next() {
        if (!isSubscribed) {
          isSubscribed = true
          return { kind: 'subscribed', revision: cursor, bytes: 1 }
        }
        while (cursor >= last && !isClosed) await new Promise<void>((resolve) => woken.push(resolve))
        if (isClosed) return null
        cursor += 1
        counts.read += 1
        return { kind: 'changed', revision: cursor, bytes }
      },
      takeReady: () => null,
      close() {
        if (!isClosed) counts.closed += 1
        isClosed = true
        wake()
      },
    }
  }

  function wake(): void {
    const all = woken
    woken = []
    for (const one of all) one()
  }

  return {
    counts,
    open,
    append(count: number) {
      last += count
      wake()
    },
  }
}

type Log = ReturnType<typeof createLog>

function watchFrom(groups: ReturnType<typeof createWatchGroups<Positioned>>, log: Log, after: number) {
  return groups.watch({ key: 'k', own: log.open(after), open: async (at) => log.open(at) })
}

/** Takes messages, waiting before each, until a revision has come; answers the revisions of the changes. */
async function takeUntil(stream: MessageStream<Positioned>, revision: number, pause?: () => Promise<unknown> | null) {
  const taken: number[] = []
  for (;;) {
    const message = stream.takeReady() ?? (await stream.next())
    if (message === null) return taken
    if (message.kind === 'changed') taken.push(message.revision)
    if (message.revision >= revision && message.kind === 'changed') return taken
    await pause?.()
  }
}

const upTo = (last: number, after = 0) => Array.from({ length: last - after }, (_, index) => after + index + 1)

describe('watch groups', () => {
  it('read once for all, who may join at any revision; the last one closes the stream', async () => {
    const groups = createWatchGroups<Positioned>()
    const log = createLog()
    const early = Array.from({ length: 50 }, () => watchFrom(groups, log, 0))
    const first = early.map((stream) => takeUntil(stream, 1000))
    for (let batch = 0; batch < 10; batch += 1) {
      log.append(100)
      await sleep(1)
    }
    for (const taken of await Promise.all(first)) expect(taken).toEqual(upTo(1000))
    expect(groups.size).toBe(1)
    expect(log.counts.read).toBe(1000)
    const late = watchFrom(groups, log, 990)
    expect(await takeUntil(late, 1000)).toEqual(upTo(1000, 990))
    const again = [...early, late].map((stream) => takeUntil(stream, 1010))
    log.append(10)
    for (const taken of await Promise.all(again)) expect(taken).toEqual(upTo(1010, 1000))
    // It had 991 in the buffer of the group, and read nothing at all by itself.
    expect(log.counts.read).toBe(1010)
    for (const stream of [...early, late]) stream.close()
    await sleep(5)
    expect(groups.size).toBe(0)
    expect(log.counts.closed).toBe(log.counts.opened)
  })

  it('are left by a slow member, which goes on alone, misses nothing, and holds nobody up', async () => {
    const groups = createWatchGroups<Positioned>()
    const log = createLog()
    const [slow, fast] = [watchFrom(groups, log, 0), watchFrom(groups, log, 0)]
    await Promise.all([slow.next(), fast.next()])
    const [joined, all] = [takeUntil(slow, 1), takeUntil(fast, 2000)]
    log.append(2000)
    expect(await joined).toEqual([1])
    expect(await all).toEqual(upTo(2000))
    expect(await takeUntil(slow, 2000)).toEqual(upTo(2000, 1))
    for (const stream of [slow, fast]) stream.close()
    expect(groups.size).toBe(0)
  })

  it('read no further ahead than their buffer while everyone is slow', async () => {
    const groups = createWatchGroups<Positioned>()
    const log = createLog({ bytes: 300_000 })
    const stream = watchFrom(groups, log, 0)
    log.append(500)
    expect(await takeUntil(stream, 1)).toEqual([1])
    await sleep(300)
    expect(log.counts.read).toBeLessThanOrEqual(6)
    expect(await takeUntil(stream, 500)).toEqual(upTo(500, 1))
    expect(log.counts.read).toBe(500)
    stream.close()
  })

  it('deliver exactly once, in order, whatever the pace, the start and the buffer', async () => {
    const random = createRandom('watch groups')
    for (let round = 0; round < 10; round += 1) {
      const groups = createWatchGroups<Positioned>()
      const log = createLog({ bytes: 1 + Math.floor(random() * 200_000) })
      const last = 600
      const members = Array.from({ length: 8 }, async (_, index) => {
        const after = Math.floor(random() * 300)
        if (index > 3) await sleep(random() * 20)
        const stream = watchFrom(groups, log, after)
        const taken = await takeUntil(stream, last, () => (random() < index / 80 ? sleep(random() * 8) : null))
        stream.close()
        return { after, taken }
      })
      for (let written = 0; written < last; written += 20) {
        log.append(20)
        if (random() < 0.5) await sleep(1)
      }
      for (const { after, taken } of await Promise.all(members)) expect(taken).toEqual(upTo(last, after))
      expect(groups.size).toBe(0)
      expect(log.counts.closed).toBe(log.counts.opened)
    }
  })

  it('end for all with the message that says why', async () => {
    const groups = createWatchGroups<Positioned>()
    const messages: Positioned[] = [
      { kind: 'subscribed', revision: 0, bytes: 1 },
      { kind: 'changed', revision: 1, bytes: 1 },
      { kind: 'end', revision: 1, bytes: 1 },
    ]
    const own = (): MessageStream<Positioned> => {
      const left = [...messages]
      return { next: async () => left.shift() ?? null, takeReady: () => null, close: () => undefined }
    }
    const streams = [0, 1].map(() => groups.watch({ key: 'k', own: own(), open: async () => own() }))
    for (const stream of streams) {
      const kinds: (string | undefined)[] = []
      for (let next = await stream.next(); next !== null; next = await stream.next()) kinds.push(next.kind)
      expect(kinds).toEqual(['subscribed', 'changed', 'end'])
    }
    expect(groups.size).toBe(0)
  })
})
