import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createRandom } from '../support/random.js'
import { until } from '../support/worker.js'
import { checkAll, countRepeats } from './checkers.js'
import { type EffectSink, openEffectSink } from './effects.js'
import { type Fleet, startFleet } from './fleet.js'
import { startPatiently } from './patient.js'
import { type Fault, keep, readExecutions, untilEnded } from './record.js'
import { tenSteps, tenStepsExpected } from './ten-steps.js'

const RESTARTS = 5
/** Enough to be busy all the time. */
const EXECUTIONS = 40
const TOLD_WITHIN_MS = 2_000
const REFUSED_WITHIN_MS = 2_000
const DOWN_MS = { min: 300, max: 1_000 }
const UP_MS = { min: 500, max: 1_500 }

let fleet: Fleet | null
let sink: EffectSink
let folder: string

beforeAll(async () => {
  fleet = await startFleet({ servers: 2, workers: 1 })
  if (fleet === null) return
  folder = mkdtempSync(join(tmpdir(), 'transient-effects-'))
  sink = await openEffectSink(fleet.effectsUrl, join(folder, 'effects.log'))
})
afterAll(async () => {
  await sink?.close()
  await fleet?.close()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

interface Answer {
  readonly status: number
  readonly code: string | null
  readonly tookMs: number
}

async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const began = performance.now()
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(10_000) })
  const body = (await response.json()) as { code?: string; errors?: { extensions?: { code?: string } }[] }
  const code = body.code ?? body.errors?.[0]?.extensions?.code ?? null
  return { status: response.status, code, tookMs: performance.now() - began }
}

const json = (body: object): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

/** Every server says that it is not ready, soon after the part is gone. */
async function untilTold({ servers }: Fleet, isReady: boolean): Promise<number> {
  const began = performance.now()
  const isTold = async (url: string) => (await ask(`${url}/health/ready`)).status === (isReady ? 200 : 503)
  await until(async () => (await Promise.all(servers.map(({ url }) => isTold(url)))).every(Boolean), `ready: ${isReady}`)
  return performance.now() - began
}

/** Starts executions all the time, two at once; those that were started are kept. */
function keepStarting({ url }: Fleet, { path, purpose, count }: { path: string; purpose: string; count: number }) {
  const ids: string[] = []
  let next = 0
  const lane = async () => {
    while (next < count) {
      next += 1
      ids.push(await startPatiently(url, { path, key: `${purpose} ${next}` }))
      await sleep(50)
    }
  }
  return { ids, done: Promise.all([lane(), lane()]) }
}

async function expectNothingLost({ databaseUrl }: Fleet, ids: readonly string[], faults: readonly Fault[]): Promise<void> {
  await untilEnded(databaseUrl, ids)
  const executions = (await readExecutions(databaseUrl, ids)).map((log) => ({ ...log, expected: tenStepsExpected(log.id) }))
  const effects = (await sink.list()).filter(({ key }) => ids.some((id) => key.startsWith(id)))
  console.info(
    `${executions.length} executions, ${faults.length} faults, ${countRepeats(effects)} of ${effects.length} effects were repeats`,
  )
  expect(executions).toHaveLength(ids.length)
  // One restart hits every step that runs.
  const hits = faults.flatMap((fault) => Array.from({ length: ids.length }, () => fault))
  expect(checkAll(keep('parts', { faults: hits, effects, executions }))).toEqual([])
}

it(`PostgreSQL is stopped with -m immediate and started, ${RESTARTS} times`, async (context) => {
  if (fleet === null) return context.skip()
  const { client, servers, postgres } = fleet
  const random = createRandom('postgres')
  const between = ({ min, max }: { min: number; max: number }) => min + random() * (max - min)
  const starting = keepStarting(fleet, { path: await client.register(tenSteps(sink)), purpose: 'postgres', count: EXECUTIONS })
  const faults: Fault[] = []
  const told: number[] = []
  const refusals: Answer[] = []
  for (let restart = 0; restart < RESTARTS; restart += 1) {
    await sleep(between(UP_MS))
    faults.push({ at: Date.now(), victim: 'postgres', signal: 'SIGKILL' })
    await postgres.stop('immediate')
    told.push(await untilTold(fleet, false))
    for (const { url } of servers) {
      refusals.push(await ask(`${url}/api/vars/77`), await ask(`${url}/api/vars/77`, json({ variables: { a: 1 } })))
      refusals.push(await ask(`${url}/api/executions`, json({ path: 'test/ten-steps' })))
      refusals.push(await ask(`${url}/graphql`, json({ query: '{ playbooks { totalCount } }' })))
      refusals.push(await ask(`${url}/api/tasks/claim`, json({ pool: 'nobody', worker_id: 'w', wait_ms: 5000 })))
    }
    await sleep(between(DOWN_MS))
    await postgres.start()
    await untilTold(fleet, true)
  }
  await starting.done
  const slowest = Math.max(...refusals.map(({ tookMs }) => tookMs))
  console.info(
    `told within ${Math.round(Math.max(...told))} ms; ${refusals.length} requests refused within ${Math.round(slowest)} ms`,
  )
  expect(Math.max(...told)).toBeLessThan(TOLD_WITHIN_MS)
  expect(slowest).toBeLessThan(REFUSED_WITHIN_MS)
  expect([...new Set(refusals.map(({ code }) => code))]).toEqual(['OVERLOADED'])
  await expectNothingLost(fleet, starting.ids, faults)
})

it.each([
  ['killed', false],
  ['killed, and its storage deleted', true],
])('NATS is %s, then started again', async (purpose, isWiped) => {
  if (fleet === null) return
  const { client, servers, nats } = fleet
  const starting = keepStarting(fleet, { path: await client.register(tenSteps(sink)), purpose, count: EXECUTIONS / 2 })
  await sleep(700)
  const faults: Fault[] = [{ at: Date.now(), victim: 'nats', signal: 'SIGKILL' }]
  await nats.kill()
  if (isWiped) nats.wipe()
  const toldMs = await untilTold(fleet, false)
  for (const { url } of servers) {
    expect(await ask(`${url}/api/vars/78`, json({ variables: { a: 1 } }))).toMatchObject({ status: 200 })
  }
  await starting.done
  const backAt = performance.now()
  await nats.start()
  await untilTold(fleet, true)
  await expectNothingLost(fleet, starting.ids, faults)
  console.info(`told within ${Math.round(toldMs)} ms; all ended ${Math.round(performance.now() - backAt)} ms after it was back`)
  expect(toldMs).toBeLessThan(TOLD_WITHIN_MS)
})
