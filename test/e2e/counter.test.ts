import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { within } from '../support/pace.js'
import { startTestServer, type TestServer } from '../support/server.js'

const INCREMENTS = 1_000
/** A python call each: TEST_LONG=1 makes all thousand; `.ci/run` does. */
const ITERATIONS = process.env['TEST_LONG'] === '1' ? INCREMENTS : 300
const CONCURRENCY = 16

const PLAYBOOK = JSON.stringify({
  apiVersion: 'noetl.io/v2',
  kind: 'Playbook',
  metadata: { name: 'counter', path: 'test/counter' },
  workflow: [
    { step: 'start', vars: { counter: 0 }, next: 'count' },
    {
      step: 'count',
      type: 'iterator',
      collection: `{{ range(${ITERATIONS}) | list }}`,
      element: 'number',
      mode: 'async',
      concurrency: CONCURRENCY,
      task: {
        tool: { kind: 'python', code: 'result = number', args: { number: '{{ number }}' } },
        vars: { counter: '{{ vars.counter + 1 }}' },
      },
    },
  ],
})

let server: TestServer

beforeAll(async () => {
  // The sandbox has tests of its own, and its walls are half the time of a thousand calls.
  server = await startTestServer({ env: { PYTHON_SANDBOX: 'off' } })
})
afterAll(async () => {
  await server?.close()
})

describe('concurrent increments', () => {
  it(`${ITERATIONS} async iterations that each add 1 end at exactly ${ITERATIONS}`, { timeout: within(220_000) }, async () => {
    const id = await server.startExecution(await server.register(PLAYBOOK))
    const ended = await server.untilEnded(id, 200_000)
    expect(ended.error).toBeNull()
    expect(ended.status).toBe('COMPLETED')
    const variables = await server.variables(id)
    expect(variables['counter']).toMatchObject({ value: ITERATIONS, type: 'step_result', source_step: 'count' })
    expect(variables['count_count']).toMatchObject({ value: ITERATIONS, type: 'iterator_state' })
    const counted = (await server.history(id)).filter(({ name }) => name === 'counter').map(({ value }) => value)
    expect(counted).toEqual(Array.from({ length: ITERATIONS + 1 }, (_, index) => index))
  })

  /** The check above is worth something only if it can fail: this is the way that loses updates. */
  it('read, add and write back over REST loses updates', async () => {
    const id = '507861119290048686'
    await server.rest('POST', `/api/vars/${id}`, { variables: { counter: 0 } })
    let left = INCREMENTS
    async function addNaively(): Promise<void> {
      while (left > 0) {
        left -= 1
        const counter = Number((await server.variables(id))['counter']?.value)
        const answer = await server.rest('POST', `/api/vars/${id}`, { variables: { counter: counter + 1 } })
        expect(answer.status).toBe(200)
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, addNaively))
    const counter = (await server.variables(id))['counter']?.value
    expect(counter).toBeGreaterThan(0)
    expect(counter).toBeLessThan(INCREMENTS)
  })

  it(`${INCREMENTS} concurrent incrementVariable calls end at exactly ${INCREMENTS}`, async () => {
    const id = '507861119290048687'
    let left = INCREMENTS
    async function add(): Promise<void> {
      while (left > 0) {
        left -= 1
        await server.query(
          'mutation ($id: ID!) { incrementVariable(input: { executionId: $id, name: "counter" }) { revision } }',
          { id },
        )
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, add))
    expect((await server.variables(id))['counter']?.value).toBe(INCREMENTS)
  })
})
