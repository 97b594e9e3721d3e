import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type CountingDatabase, countingDatabase } from '../support/counting-database.js'
import { describeDatabase } from '../support/database.js'
import { newId, type RestServer, startRest } from './support.js'

const SUBSCRIBERS = 50
const CHANGES = 5

describeDatabase(`${SUBSCRIBERS} REST clients that wait for the same`, (open) => {
  let reads: CountingDatabase
  let rest: RestServer
  beforeAll(async () => {
    reads = countingDatabase(await open())
    rest = await startRest(reads.db)
  })
  afterAll(() => rest.close())

  /** On a slow machine the watchers look again by themselves meanwhile. */
  const pullsSince = (began: number) => 2 * Math.ceil((performance.now() - began) / 1000)
  /** Until nobody reads, and all wait; forgets what was read. */
  async function untilQuiet(): Promise<void> {
    do await sleep(300)
    while (reads.count('WITH ahead') > 0)
  }
  const set = (id: string, value: number) => rest.call('POST', `/api/vars/${id}`, { body: { variables: { n: value } } })

  it('event streams: each change is read once', async () => {
    const id = newId()
    const abort = new AbortController()
    const texts = Array.from({ length: SUBSCRIBERS }, () => '')
    await Promise.all(
      texts.map(async (_, index) => {
        const response = await fetch(`${rest.url}/api/vars/${id}/events?after_revision=0`, { signal: abort.signal })
        void (async () => {
          for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>)
            texts[index] += Buffer.from(chunk).toString()
        })().catch(() => undefined)
      }),
    )
    while (texts.some((text) => !text.includes('event: subscribed'))) await sleep(10)
    await untilQuiet()
    const began = performance.now()
    for (let value = 1; value <= CHANGES; value += 1) {
      await set(id, value)
      await sleep(30)
    }
    while (texts.some((text) => !text.includes(`id: ${CHANGES}\n`))) await sleep(10)
    expect(reads.count('WITH ahead')).toBeLessThanOrEqual(2 * CHANGES + 2 + pullsSince(began))
    for (const text of texts) {
      expect([...text.matchAll(/event: changed\nid: (\d+)/g)].map((match) => match[1])).toEqual(['1', '2', '3', '4', '5'])
    }
    abort.abort()
  })

  it('long-polls: what ends their wait is read once for all', async () => {
    const id = newId()
    await set(id, 1)
    reads.count('')
    const polls = Array.from({ length: SUBSCRIBERS }, () => rest.call('GET', `/api/vars/${id}?after_revision=1&wait=30`))
    // Until all have asked, and wait.
    await untilQuiet()
    const began = performance.now()
    await set(id, 2)
    const answers = await Promise.all(polls)
    for (const { text } of answers) expect(text).toBe(answers[0]?.text)
    expect(answers[0]?.json).toMatchObject({ revision: 2, changes: [{ name: 'n', value: 2 }] })
    expect(reads.count('WITH ahead')).toBeLessThanOrEqual(3 + pullsSince(began))
  })
})
