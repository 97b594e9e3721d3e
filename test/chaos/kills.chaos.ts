import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { within } from '../support/pace.js'
import { createRandom } from '../support/random.js'
import { checkAll, countRepeats } from './checkers.js'
import { type EffectSink, openEffectSink } from './effects.js'
import { type Fleet, startFleet, type Victim } from './fleet.js'
import { startKiller } from './killer.js'
import { startPatiently } from './patient.js'
import { CHILD, randomPlaybooks } from './random-playbooks.js'
import { type ExecutionLog, type Expected, expectedLike, keep, readExecutions, untilEnded } from './record.js'
import { tenSteps, tenStepsExpected } from './ten-steps.js'

const EXECUTIONS = 80
const RANDOM = 50
const AT_ONCE = 8

let fleet: Fleet | null
let sink: EffectSink
let folder: string

beforeAll(async () => {
  fleet = await startFleet({ servers: 2, workers: 3 })
  if (fleet === null) return
  folder = mkdtempSync(join(tmpdir(), 'transient-effects-'))
  sink = await openEffectSink(fleet.effectsUrl, join(folder, 'effects.log'))
})
afterAll(async () => {
  await sink?.close()
  await fleet?.close()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

function victimsOf({ servers, workers }: Fleet): Victim[] {
  return [...servers.map((server, index) => ({ ...server, name: `server ${index}` })), ...workers]
}

const TITLE = `${EXECUTIONS} executions of 10 steps and ${RANDOM} random playbooks, a process killed or frozen every 120 to 320 ms until they are done`

it(TITLE, { timeout: within(180_000) }, async (context) => {
  if (fleet === null) return context.skip()
  const { url, databaseUrl, client } = fleet
  const random = createRandom('kills')
  await client.register(CHILD)
  const randomPaths: string[] = []
  for (const source of randomPlaybooks(RANDOM, Math.floor(random() * 2 ** 31))) randomPaths.push(await client.register(source))
  const ten = await client.register(tenSteps(sink))
  const run = (paths: readonly string[], purpose: string) => runAll({ url, databaseUrl, paths, purpose })
  const calm = await run(randomPaths, 'calm')
  expect(calm.map(({ status }) => status)).toEqual(randomPaths.map(() => 'completed'))

  const killer = startKiller(victimsOf(fleet), random)
  onTestFinished(killer.stop)
  const began = performance.now()
  const tenPaths = Array.from({ length: EXECUTIONS }, () => ten)
  const [disturbed, logs] = await Promise.all([run(randomPaths, 'disturbed'), run(tenPaths, 'ten steps')])
  const tookMs = performance.now() - began
  await killer.stop()
  const { faults } = killer
  const effects = await sink.list()
  const kills = faults.filter(({ signal }) => signal === 'SIGKILL').length
  const runs = disturbed.reduce((sum, log) => sum + log.runs.length, 0)
  console.info(
    `all done in ${Math.round(tookMs)} ms, through ${kills} kills and ${faults.length - kills} freezes; ${countRepeats(effects)} of ${effects.length} effects were repeats; ${runs} runs of random playbooks`,
  )
  const executions = logs.map((log) => ({ ...log, expected: tenStepsExpected(log.id) }))
  expect(executions).toHaveLength(EXECUTIONS)
  expect(checkAll(keep('kills', { faults, effects, executions }))).toEqual([])
  const alike = disturbed.map((log, index) => ({ ...log, expected: likeCalm(calm[index] as ExecutionLog) }))
  expect(alike).toHaveLength(RANDOM)
  expect(checkAll(keep('random', { faults, effects: [], executions: alike }))).toEqual([])
})

/** The order of iterations is a matter of luck; all else is not. */
function likeCalm(log: ExecutionLog): Expected {
  return expectedLike(log, (name) => /_(item|index)$/.test(name))
}

interface Running {
  readonly url: string
  readonly databaseUrl: string
  readonly paths: readonly string[]
  readonly purpose: string
}

/** Runs each playbook once; the logs are in the order of the paths. */
async function runAll({ url, databaseUrl, paths, purpose }: Running): Promise<ExecutionLog[]> {
  const ids: string[] = []
  let next = 0
  const lanes = Array.from({ length: AT_ONCE }, async () => {
    for (let index = next++; index < paths.length; index = next++) {
      ids[index] = await startPatiently(url, { path: paths[index] ?? '', key: `${purpose} ${index}` })
    }
  })
  await Promise.all(lanes)
  await untilEnded(databaseUrl, ids)
  const logs = await readExecutions(databaseUrl, ids)
  return ids.map((id) => logs.find((log) => log.id === id) as ExecutionLog)
}
