import { afterAll, beforeAll, expect, it } from 'vitest'
import { createRandom } from '../support/random.js'
import { checkAll } from './checkers.js'
import { type Fleet, startFleet } from './fleet.js'
import { createRecorder } from './record.js'
import { pathOf } from './stream.js'
import { startWatcher } from './watcher.js'
import { createWriter } from './writer.js'

const AT_ONCE = 1_000
const BURST = 5_000
const FOLDS = 200

let fleet: Fleet | null
beforeAll(async () => {
  fleet = await startFleet(2)
})
afterAll(async () => {
  await fleet?.close()
})

it('1,000 writes fired at the instant of SUBSCRIBED all come', async (context) => {
  if (fleet === null) return context.skip()
  const recorder = createRecorder('subscribed')
  const executionId = '9201'
  const writers = fleet.urls.map((url) => createWriter(url, recorder.write, 16))
  for (const writer of writers) await writer.write({ executionId, values: { before: 1 } })
  const written = new Promise<number[]>((resolve, reject) => {
    const watcher = startWatcher({
      urls: fleet?.urls.slice(0, 1) ?? [],
      executionId,
      log: recorder.client('w', executionId),
      onMessage: (kind) => {
        if (kind !== 'SUBSCRIBED') return
        const writes = Array.from({ length: AT_ONCE }, (_, index) =>
          writers[index % writers.length]?.write({ executionId, values: { [`v${index}`]: index } }),
        )
        Promise.all(writes)
          .then(async (revisions) => {
            const known = revisions.filter((revision) => revision !== undefined)
            await watcher.until(Math.max(...known), 20_000)
            await watcher.stop()
            resolve(known)
          })
          .catch(reject)
      },
    })
  })
  expect(new Set(await written).size).toBe(AT_ONCE)
  await Promise.all(writers.map((writer) => writer.close()))
  const evidence = await recorder.finish()
  expect(checkAll(evidence)).toEqual([])
  const values = evidence.clients[0]?.lines.flatMap((line) => (line.event === 'message' ? line.changes : [])) ?? []
  expect(new Set(values.map(([name]) => name)).size).toBe(AT_ONCE)
})

it('a burst of 5,000 changes to 50 subscribers: the processes live, everything comes', async (context) => {
  if (fleet === null) return context.skip()
  const { urls, servers } = fleet
  const pids = servers.map((server) => server.pid())
  const recorder = createRecorder('burst')
  const executionId = '9202'
  const watchers = Array.from({ length: 50 }, (_, index) =>
    startWatcher({
      urls: [urls[index % urls.length] ?? ''],
      ...{ executionId, after: 0 },
      log: index < 4 ? recorder.client(`w${index}`, executionId) : () => undefined,
    }),
  )
  const writers = urls.map((url) => createWriter(url, recorder.write, 64))
  const revisions = await Promise.all(
    Array.from({ length: BURST }, (_, index) =>
      writers[index % writers.length]?.write({ executionId, values: { [`v${index % 100}`]: index } }),
    ),
  )
  expect(new Set(revisions).size).toBe(BURST)
  await Promise.all(watchers.map((watcher) => watcher.until(BURST, 60_000)))
  await Promise.all(watchers.map((watcher) => watcher.stop()))
  await Promise.all(writers.map((writer) => writer.close()))
  expect(checkAll(await recorder.finish())).toEqual([])
  expect(servers.map((server) => server.pid())).toEqual(pids)
  for (const server of servers) expect((await server.rest('GET', '/health/ready')).status).toBe(200)
})

it(`${FOLDS} random runs of list-then-watch fold to the final list`, async (context) => {
  if (fleet === null) return context.skip()
  const { urls, servers } = fleet
  const random = createRandom('folds')
  const [writer] = urls.map((url) => createWriter(url))
  const pick = (): number => Math.floor(random() * urls.length)

  async function run(index: number): Promise<void> {
    const executionId = String(930_000 + index)
    const [server, other] = [servers[pick()], servers[pick()]]
    if (server === undefined) throw new Error('no server')
    const list = async () => {
      const { headers, body } = await server.rest('GET', pathOf(executionId))
      const { variables } = body as { variables: Record<string, { value: unknown }> }
      const values = Object.entries(variables).map(([name, { value }]) => [name, value] as const)
      return { revision: Number(headers.get('revision')), values }
    }
    const change = async (): Promise<void> => {
      const name = `v${Math.floor(random() * 5)}`
      if (random() < 0.25) await other?.rest('DELETE', `${pathOf(executionId)}/${name}`)
      else await writer?.write({ executionId, values: { [name]: Math.floor(random() * 4), [`${name}x`]: 1 } })
    }
    for (let count = Math.floor(random() * 4); count > 0; count -= 1) await change()
    const changing = Promise.all(Array.from({ length: 6 }, change))
    const { revision: after, values } = await list()
    const state = new Map<string, unknown>(values)
    const watcher = startWatcher({
      urls: [urls[pick()] ?? ''],
      ...{ executionId, after },
      log: (line) => {
        if (line.event !== 'message') return
        for (const [name, operation, value] of line.changes) {
          if (operation === 'DELETE') state.delete(name)
          else state.set(name, value)
        }
      },
    })
    await changing
    const final = await list()
    await watcher.until(final.revision, 10_000)
    await watcher.stop()
    expect(Object.fromEntries(state)).toEqual(Object.fromEntries(final.values))
  }

  for (let at = 0; at < FOLDS; at += 10) await Promise.all(Array.from({ length: 10 }, (_, lane) => run(at + lane)))
  await writer?.close()
})
