import { availableParallelism, loadavg } from 'node:os'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createRandom } from '../support/random.js'
import { CHECKERS, checkAll, PLANTED } from './checkers.js'
import { type Fleet, startFleet } from './fleet.js'
import { createRecorder } from './record.js'
import { startWatcher } from './watcher.js'
import { createWriter, type Writer } from './writer.js'

const CHANGES = 100_000
const WRITERS = 8
/** Writes that a writer has under way at once. */
const IN_FLIGHT = 4
const EXECUTIONS = ['9101', '9102', '9103', '9104']
const LONGEST_SET = 9
const CHANGES_PER_CONNECTION = 1_000
const WITHIN_MS = 60_000

let fleet: Fleet | null
beforeAll(async () => {
  fleet = await startFleet(2)
})
afterAll(async () => {
  await fleet?.close()
})

it('100,000 changes by 8 writers on 4 executions over 2 instances reach 4 roaming subscribers', async (context) => {
  if (fleet === null) return context.skip()
  const { urls } = fleet
  const recorder = createRecorder('many')
  const random = createRandom('many')
  // On a machine that was busy with other things beforehand, in proportion.
  const load = loadavg()[0] ?? 0
  const allowedMs = WITHIN_MS * Math.max(1, load / availableParallelism())
  const began = performance.now()
  const watchers = EXECUTIONS.map((executionId, index) =>
    startWatcher({
      urls: index % 2 === 0 ? urls : [...urls].reverse(),
      ...{ executionId, after: 0, changesPerConnection: CHANGES_PER_CONNECTION },
      log: recorder.client(`w${index}`, executionId),
    }),
  )

  let left = CHANGES
  const last = new Map<string, number>()
  async function writeAll(index: number): Promise<void> {
    const writer = createWriter(urls[index % urls.length] ?? '', recorder.write, IN_FLIGHT)
    await Promise.all(Array.from({ length: IN_FLIGHT }, (_, lane) => writeOn(writer, index * IN_FLIGHT + lane)))
    await writer.close()
  }
  async function writeOn(writer: Writer, lane: number): Promise<void> {
    for (let turn = lane; left > 0; turn += 1) {
      const size = Math.min(left, 1 + Math.floor(random() * LONGEST_SET))
      left -= size
      const executionId = EXECUTIONS[turn % EXECUTIONS.length] ?? ''
      const names = Array.from({ length: size }, (_, at) => `w${lane}_${at}`)
      const revision = await writer.write({ executionId, values: Object.fromEntries(names.map((name) => [name, turn])) })
      last.set(executionId, Math.max(last.get(executionId) ?? 0, revision))
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, (_, index) => writeAll(index)))
  const writtenMs = performance.now() - began
  await Promise.all(watchers.map((watcher, index) => watcher.until(last.get(EXECUTIONS[index] ?? '') ?? 0, 120_000)))
  const tookMs = performance.now() - began
  await Promise.all(watchers.map((watcher) => watcher.stop()))

  const evidence = await recorder.finish()
  const visits = watchers.reduce((sum, watcher) => sum + watcher.connections(), 0)
  const revisions = [...last.values()].reduce((sum, revision) => sum + revision, 0)
  console.info(
    `${CHANGES} changes in ${revisions} revisions, ${visits} connections, written in ${Math.round(writtenMs)} ms, all there after ${Math.round(tookMs)} ms; the limit is ${WITHIN_MS} ms, here ${Math.round(allowedMs)} ms (load ${load.toFixed(1)} on ${availableParallelism()} cores)`,
  )
  expect(checkAll(evidence)).toEqual([])
  expect(evidence.writes).toHaveLength(revisions)
  expect(visits).toBeGreaterThan(80)
  expect(tookMs).toBeLessThan(allowedMs)
  for (const [name, plant] of Object.entries(PLANTED)) {
    expect(CHECKERS[name as keyof typeof CHECKERS](plant(evidence)), `the checker for ${name} is blind`).not.toEqual([])
  }
})
