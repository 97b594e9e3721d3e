import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Change } from '../support/client.js'
import { within } from '../support/pace.js'
import { createRandom } from '../support/random.js'
import { startTestServer, type TestServer } from '../support/server.js'

/** TEST_LONG=1 kills more often; `.ci/run` does. */
const [KILLS, ROUNDS] = process.env['TEST_LONG'] === '1' ? [10, 100] : [4, 60]

/** Two steps a round: each is a visit, and writes. `trail` shows a repeated or a lost visit. */
const PLAYBOOK = JSON.stringify({
  apiVersion: 'noetl.io/v2',
  kind: 'Playbook',
  metadata: { name: 'killed', path: 'test/killed' },
  workflow: [
    { step: 'start', vars: { counter: 0, doubled: 0, trail: [] }, next: 'count' },
    {
      step: 'count',
      tool: {
        kind: 'python',
        code: 'import time\ntime.sleep(0.04)\nresult = {"seen": counter}',
        args: { counter: '{{ vars.counter }}' },
      },
      vars: { counter: '{{ vars.counter + 1 }}', seen: '{{ result.seen }}' },
      next: 'double',
    },
    {
      step: 'double',
      vars: { doubled: '{{ vars.counter * 2 }}', trail: '{{ vars.trail + [vars.counter] }}' },
      next: [{ when: `{{ vars.counter < ${ROUNDS} }}`, step: 'count' }],
    },
  ],
})

let server: TestServer

beforeAll(async () => {
  server = await startTestServer({ env: { LEASE_SECONDS: String(within(1)) } })
})
afterAll(async () => {
  await server?.close()
})

function valuesOf(changes: readonly Change[], name: string): unknown[] {
  return changes.filter((change) => change.name === name).map(({ value }) => value)
}

it(`a playbook of ${2 * ROUNDS} steps survives kill -9 ${KILLS} times`, { timeout: within(200_000) }, async () => {
  const random = createRandom('kill -9')
  const id = await server.startExecution(await server.register(PLAYBOOK))
  let killedWhileRunning = 0
  for (let kill = 0; kill < KILLS; kill += 1) {
    await sleep(50 + random() * 450)
    if ((await server.execution(id)).status === 'RUNNING') killedWhileRunning += 1
    await server.kill()
    await server.start()
  }
  const ended = await server.untilEnded(id, 90_000)
  expect(ended.error).toBeNull()
  expect(ended.status).toBe('COMPLETED')
  expect(killedWhileRunning, 'the playbook ended before the kills did: the test is too mild').toBe(KILLS)

  const counts = Array.from({ length: ROUNDS }, (_, index) => index + 1)
  const variables = await server.variables(id)
  expect(Object.keys(variables).sort()).toEqual(['counter', 'doubled', 'seen', 'trail'])
  expect(variables['counter']).toMatchObject({ value: ROUNDS, type: 'step_result', source_step: 'count' })
  expect(variables['seen']).toMatchObject({ value: ROUNDS - 1, type: 'step_result', source_step: 'count' })
  expect(variables['doubled']).toMatchObject({ value: 2 * ROUNDS, type: 'step_result', source_step: 'double' })
  expect(variables['trail']).toMatchObject({ value: counts, type: 'step_result', source_step: 'double' })

  const changes = await server.history(id)
  const revisions = [...new Set(changes.map(({ revision }) => revision))]
  expect(revisions).toEqual(Array.from({ length: ended.revision }, (_, index) => index + 1))
  expect(ended.revision).toBe(1 + 2 * ROUNDS)
  expect(valuesOf(changes, 'counter')).toEqual([0, ...counts])
  expect(valuesOf(changes, 'doubled')).toEqual([0, ...counts.map((count) => 2 * count)])
  expect((await server.steps(id)).map(({ step, status }) => `${step} ${status}`)).toEqual([
    'start SUCCEEDED',
    ...counts.flatMap(() => ['count SUCCEEDED', 'double SUCCEEDED']),
  ])
})
