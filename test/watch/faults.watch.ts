import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBackend } from '../support/backends.js'
import { createRandom } from '../support/random.js'
import { checkAll } from './checkers.js'
import { type Fleet, startFleet } from './fleet.js'
import { createRecorder } from './record.js'
import { pathOf } from './stream.js'
import { startWatcher } from './watcher.js'
import { createWriter } from './writer.js'

const KILLS = 10
const CUT_FOR_MS = 15_000
/** The poll of a second, and the way. */
const DELIVERED_WITHIN_MS = 1_500

describe.each(['embedded', 'postgresql'] as const)(`kill -9 ${KILLS} times of the serving process, %s`, (name) => {
  it('loses no acknowledged write, and watchers go on', async () => {
    const backend = await startBackend(name)
    const { server } = backend
    const recorder = createRecorder(`kill-${name}`)
    const random = createRandom('kill')
    const executionId = '9301'
    const watchers = [0, 1].map((index) =>
      startWatcher({ urls: [server.url], ...{ executionId, after: 0 }, log: recorder.client(`w${index}`, executionId) }),
    )
    let isOver = false
    let acknowledged = 0
    const writing = [0, 1, 2, 3].map(async (lane) => {
      for (let turn = 0; !isOver; turn += 1) {
        const writer = createWriter(server.url, recorder.write, 1)
        try {
          for (; !isOver; turn += 1) {
            await writer.write({ executionId, values: { [`a${lane}`]: turn, [`b${lane}`]: turn } })
            acknowledged += 1
          }
        } catch {
          await sleep(20)
        }
        await writer.close()
      }
    })
    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = acknowledged
      while (acknowledged < before + 20) await sleep(10)
      await sleep(random() * 200)
      await server.kill()
      await server.start()
    }
    isOver = true
    await Promise.all(writing)
    const { headers } = await server.rest('GET', pathOf(executionId))
    await Promise.all(watchers.map((watcher) => watcher.until(Number(headers.get('revision')), 20_000)))
    await Promise.all(watchers.map((watcher) => watcher.stop()))
    const evidence = await recorder.finish()
    console.info(`${evidence.writes.length} acknowledged writes over ${KILLS} kills; ${watchers[0]?.connections()} connections`)
    expect(checkAll(evidence)).toEqual([])
    await backend.close()
  })
})

describe('the connection to NATS, cut every second', () => {
  let fleet: Fleet | null
  beforeAll(async () => {
    fleet = await startFleet(2)
  })
  afterAll(async () => {
    await fleet?.close()
  })

  it(`costs a watcher on the other instance at most ${DELIVERED_WITHIN_MS} ms`, async (context) => {
    if (fleet === null) return context.skip()
    const [here, there] = fleet.urls
    const recorder = createRecorder('cut')
    const executionId = '9302'
    const cameAt = new Map<number, number>()
    const watcher = startWatcher({
      urls: [there ?? ''],
      ...{ executionId, after: 0 },
      log: recorder.client('w', executionId),
      onMessage: (_kind, revision, at) => cameAt.set(revision, cameAt.get(revision) ?? at),
    })
    const writer = createWriter(here ?? '', recorder.write)
    const cutting = setInterval(() => fleet?.natsLine.cut(), 1_000)
    const waits: number[] = []
    for (const endsAt = performance.now() + CUT_FOR_MS; performance.now() < endsAt; ) {
      const revision = await writer.write({ executionId, values: { n: waits.length } })
      const at = performance.now()
      await watcher.until(revision, 10_000)
      waits.push(Math.max((cameAt.get(revision) ?? 0) - at, 0))
      await sleep(37)
    }
    clearInterval(cutting)
    await watcher.stop()
    await writer.close()
    waits.sort((a, b) => a - b)
    console.info(
      `${waits.length} changes over ${fleet.natsLine.cuts()} cuts: half within ${waits[waits.length >> 1]?.toFixed(1)} ms, all within ${waits.at(-1)?.toFixed(0)} ms`,
    )
    expect(fleet.natsLine.cuts()).toBeGreaterThanOrEqual(5)
    expect(waits.at(-1)).toBeLessThan(DELIVERED_WITHIN_MS)
    expect(checkAll(await recorder.finish())).toEqual([])
  })
})
