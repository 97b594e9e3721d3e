import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createClient } from '../../src/sdk/index.js'
import { within } from '../support/pace.js'
import { createRandom } from '../support/random.js'
import type { TestServer } from '../support/server.js'
import { playbook } from '../support/source.js'
import { type Fleet, startFleet } from './fleet.js'

const SECONDS = process.env['TEST_LONG'] ? 120 : 25
const SCHEDULES = 20
/** Between two kills. */
const PAUSE_MS = { min: 400, max: 2000 }

let fleet: Fleet | null
beforeAll(async () => {
  fleet = await startFleet({ servers: 2 })
})
afterAll(async () => {
  await fleet?.close()
})

const TITLE = `${SCHEDULES} schedules that fire every second on two servers, killed at random for ${SECONDS} s: every instant fires once`

it(TITLE, { timeout: within(SECONDS * 1000 + 60_000) }, async (context) => {
  if (fleet === null) return context.skip()
  const { servers, databaseUrl, client, url } = fleet
  const path = await client.register(playbook('tick', '\n- step: a\n  vars: {n: "{{ workload.n }}"}'))
  const { schedules } = createClient({ url })
  const names = Array.from({ length: SCHEDULES }, (_, n) => `tick ${n}`)
  for (const [n, name] of names.entries()) await schedules.set({ name, path, everySeconds: 1, missed: 'ALL', workload: { n } })

  const random = createRandom('schedules')
  const until = Date.now() + SECONDS * 1000
  let kills = 0
  const reviving = new Map<TestServer, Promise<unknown>>()
  while (Date.now() < until) {
    await sleep(PAUSE_MS.min + random() * (PAUSE_MS.max - PAUSE_MS.min))
    const alive = servers.filter((server) => !reviving.has(server))
    const server = alive[Math.floor(random() * alive.length)]
    if (server === undefined) continue
    kills += 1
    await server.kill()
    reviving.set(
      server,
      server.start().finally(() => reviving.delete(server)),
    )
  }
  await Promise.all(reviving.values())
  await sleep(3000)
  for (const name of names) await schedules.pause(name)

  const database = new pg.Client(databaseUrl)
  await database.connect()
  const { rows } = await database.query<{ name: string; at: string; id: string; n: number; status: string }>(
    `SELECT s.name, extract(epoch FROM f.instant)::bigint AS at, e.id, (e.workload->>'n')::integer AS n, e.status
     FROM transient.schedule s JOIN transient.schedule_firing f ON f.schedule_id = s.id JOIN transient.execution e ON e.id = f.execution_id ORDER BY f.instant`,
  )
  const { rows: all } = await database.query<{ count: string }>('SELECT count(*) AS count FROM transient.execution')
  await database.end()
  console.info(`${rows.length} instants of ${SCHEDULES} schedules, through ${kills} kills`)
  expect(kills).toBeGreaterThan(5)
  for (const [n, name] of names.entries()) {
    const own = rows.filter((row) => row.name === name)
    const first = Number(own[0]?.at)
    expect(own.length, name).toBeGreaterThan(SECONDS - 5)
    expect(
      own.map(({ at }) => Number(at) - first),
      name,
    ).toEqual(own.map((_row, index) => index))
    expect(new Set(own.map((row) => row.n))).toEqual(new Set([n]))
  }
  // None was started beside those that are noted.
  expect(Number(all[0]?.count)).toBe(rows.length)
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length)
})
