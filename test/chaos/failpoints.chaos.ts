import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TransientClient } from '../support/client.js'
import { playbook } from '../support/source.js'
import { actingPlaybook, ITEMS, KINDS, type Kind, toolOf } from './acting.js'
import { checkAll } from './checkers.js'
import { onPort } from './databases.js'
import { type EffectSink, openEffectSink } from './effects.js'
import { armOnAll, DIES_IN_ITERATION, FAILPOINTS, type ServerLines } from './failpoints.js'
import { type Fleet, startFleet } from './fleet.js'
import { startNatsLine } from './nats-line.js'
import { startPostgresLine } from './postgres-line.js'
import { type Effect, type Expected, expectedLike, type Fault, keep, readExecutions } from './record.js'

const REACHED_WITHIN_MS = 60_000

let fleet: Fleet | null
let sink: EffectSink
let folder: string
/** What one leaves behind that nobody disturbs: of a single run, and of an iterator. */
let calm: { readonly run: Expected; readonly iterator: Expected }
const lines: ServerLines[] = []

beforeAll(async () => {
  fleet = await startFleet({ servers: 2, env: { CONCURRENCY: '8' } }, async ({ databaseUrl, natsUrl }, index) => {
    const postgres = await startPostgresLine(Number(new URL(databaseUrl).port))
    const nats = await startNatsLine(Number(new URL(natsUrl).port))
    lines[index] = { postgres, nats }
    return { databaseUrl: onPort(databaseUrl, postgres.port), natsUrl: `nats://127.0.0.1:${nats.port}` }
  })
  if (fleet === null) return
  folder = mkdtempSync(join(tmpdir(), 'transient-effects-'))
  sink = await openEffectSink(fleet.effectsUrl, join(folder, 'effects.log'))
  await fleet.client.register(playbook('acting-child', `- step: start\n  tool: ${toolOf('http', sink, '{{ workload.tag }}')}`))
  calm = { run: await undisturbed(fleet, false), iterator: await undisturbed(fleet, true) }
})
afterAll(async () => {
  await sink?.close()
  await fleet?.close()
  await Promise.all(lines.flatMap(({ postgres, nats }) => [postgres.close(), nats.close()]))
  if (folder) rmSync(folder, { recursive: true, force: true })
})

interface Starting {
  readonly client: TransientClient
  readonly kinds: readonly Kind[]
  readonly isIterator: boolean
}

/** Starts one of each kind; each waits in its first step. */
async function startEach({ client, kinds, isIterator }: Starting): Promise<{ kind: Kind; id: string }[]> {
  return Promise.all(
    kinds.map(async (kind) => {
      const path = await client.register(actingPlaybook(kind, { isIterator, sink }))
      return { kind, id: await client.startExecution(path) }
    }),
  )
}

/** Lets the first steps end: they wait in a pool that only this test serves. */
async function letGo(client: TransientClient, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const claim = { pool: 'gate', worker_id: 'gate', wait_ms: 20_000 }
    const { body } = await client.rest('POST', '/api/tasks/claim', claim)
    const { id, attempt, token } = body as { id: string; attempt: number; token: string }
    await client.rest('POST', `/api/tasks/${id}/complete`, { attempt, token, result: null })
  }
}

/** The traps wait for others. */
async function undisturbed({ client, databaseUrl }: Fleet, isIterator: boolean): Promise<Expected> {
  const [first] = await startEach({ client, kinds: ['http'], isIterator })
  await letGo(client, 1)
  const id = first?.id ?? ''
  await client.untilEnded(id)
  const [log] = await readExecutions(databaseUrl, [id])
  if (log?.status !== 'completed') throw new Error('the undisturbed run did not complete')
  return expectedLike(log)
}

async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  const late = sleep(REACHED_WITHIN_MS, null, { ref: false }).then(() => {
    throw new Error(
      `within ${REACHED_WITHIN_MS} ms no process came to the point "${what}": has its SQL changed? See failpoints.ts`,
    )
  })
  return Promise.race([work, late])
}

describe.each(FAILPOINTS)('a process that dies $name', (failpoint) => {
  const { name, isIterator } = failpoint
  it(`goes on elsewhere, exactly: ${KINDS.join(', ')}`, async (context) => {
    if (fleet === null) return context.skip()
    const { client, servers, databaseUrl } = fleet
    const expected = isIterator ? calm.iterator : calm.run
    expect(expected.values).toMatchObject({ acted: isIterator ? ITEMS.length : 1 })
    const started = await startEach({ client, kinds: KINDS, isIterator })
    const ids = started.map(({ id }) => id)
    const reached = Promise.all(ids.map((id) => armOnAll(lines, failpoint, id)))
    await letGo(client, ids.length)
    const doomed = [...new Set(await inTime(reached, name))]
    // Each execution has its death, even where one kill is the death of several.
    const faults: Fault[] = ids.map((id) => ({ at: Date.now(), victim: id, signal: 'SIGKILL' }))
    await Promise.all(doomed.map((server) => servers[server]?.kill()))
    for (const { postgres, nats } of lines) [postgres, nats].map((line) => line.disarm())
    await Promise.all(doomed.map((server) => servers[server]?.start()))
    await Promise.all(ids.map((id) => client.untilEnded(id)))

    const executions = (await readExecutions(databaseUrl, ids)).map((log) => ({
      ...log,
      expected: { ...expected, effects: keysOf(log.id) },
    }))
    const effects = (await sink.list()).filter(({ key }) => ids.some((id) => key.startsWith(id)))
    expect(checkAll(keep('failpoint', { faults, effects, executions }))).toEqual([])
    for (const { kind, id } of started) expect({ kind, ...countsOf(effects, id) }).toEqual({ kind, ...wantedCounts(kind, id) })
  })

  const keysOf = (id: string) => (isIterator ? ITEMS.map((item) => `${id}-${item}`) : [id])

  /** A child execution is not repeated: what died was its parent. */
  function wantedCounts(kind: Kind, id: string): Record<string, number> {
    const times = kind === 'playbook' ? 1 : failpoint.effects
    return Object.fromEntries(keysOf(id).map((key, index) => [key, isIterator && index + 1 !== DIES_IN_ITERATION ? 1 : times]))
  }
})

function countsOf(effects: readonly Effect[], id: string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { key } of effects) if (key.startsWith(id)) counts[key] = (counts[key] ?? 0) + 1
  return counts
}
