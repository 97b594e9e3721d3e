import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startPostgresCluster } from '../support/postgres-cluster.js'
import { startTestServer } from '../support/server.js'
import { checkAll } from './checkers.js'
import { createRecorder } from './record.js'
import { pathOf } from './stream.js'
import { startWatcher } from './watcher.js'
import { createWriter } from './writer.js'

const OUTAGES = ['fast', 'immediate', 'fast'] as const
const AWAY_MS = 2_000

it(`a PostgreSQL that restarts ${OUTAGES.length} times: watchers stay connected, and nothing is lost`, async () => {
  const postgres = await startPostgresCluster()
  const server = await startTestServer({ env: { DATABASE_URL: postgres.url } })
  const recorder = createRecorder('outage')
  const executionId = '9701'
  const watchers = [0, 1].map((index) =>
    startWatcher({ urls: [server.url], ...{ executionId, after: 0 }, log: recorder.client(`w${index}`, executionId) }),
  )
  let isOver = false
  let refused = 0
  let acknowledged = 0
  const writing = [0, 1].map(async (lane) => {
    const writer = createWriter(server.url, recorder.write, 1)
    for (let turn = 0; !isOver; turn += 1) {
      try {
        await writer.write({ executionId, values: { [`a${lane}`]: turn, [`b${lane}`]: turn } })
        acknowledged += 1
      } catch {
        refused += 1
        await sleep(50)
      }
    }
    await writer.close()
  })
  const untilWritten = async (count: number): Promise<void> => {
    for (const wanted = acknowledged + count; acknowledged < wanted; ) await sleep(20)
  }
  try {
    for (const mode of OUTAGES) {
      await untilWritten(50)
      await postgres.stop(mode)
      await sleep(AWAY_MS)
      await postgres.start()
    }
    await untilWritten(50)
    isOver = true
    await Promise.all(writing)
    const { headers } = await server.rest('GET', pathOf(executionId))
    await Promise.all(watchers.map((watcher) => watcher.until(Number(headers.get('revision')), 20_000)))
    await Promise.all(watchers.map((watcher) => watcher.stop()))
    const evidence = await recorder.finish()
    console.info(`${evidence.writes.length} acknowledged writes, ${refused} refused over ${OUTAGES.length} outages`)
    expect(checkAll(evidence)).toEqual([])
    expect(refused).toBeGreaterThan(0)
    expect(watchers.map((watcher) => watcher.connections())).toEqual([1, 1])
  } finally {
    isOver = true
    await server.close()
    await postgres.close()
  }
})
