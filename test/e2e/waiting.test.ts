import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../src/sdk/client.js'
import { runCli } from '../support/cli.js'
import { startTestServer, type TestServer } from '../support/server.js'

describe('waiting for a condition over the API', () => {
  let server: TestServer
  let id = 710_000_000_000_000_000n
  beforeAll(async () => {
    server = await startTestServer()
  })
  afterAll(() => server.close())

  const newId = () => {
    id += 1n
    return String(id)
  }
  const client = () => createClient({ url: server.url })
  const set = async (execution: string, variables: object) => {
    const response = await fetch(`${server.url}/api/vars/${execution}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ variables }),
    })
    expect(response.status).toBe(200)
  }
  const until = async (execution: string, query: Record<string, string>) => {
    const response = await fetch(`${server.url}/api/vars/${execution}?${new URLSearchParams(query)}`)
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  it('REST tests each revision after the given one, and that one itself', async () => {
    const execution = newId()
    for (const n of [1, 2, 3, 4]) await set(execution, { n, other: n })
    expect(await until(execution, { until: 'vars.n == 4' })).toEqual({
      status: 200,
      body: { execution_id: expect.anything(), revision: 4, matched: true, variables: { n: 4, other: 4 } },
    })
    // It held for one revision only, long ago.
    const past = await until(execution, { until: '{{ n == 2 }}', after_revision: '1', wait: '5s' })
    expect(past.body).toMatchObject({ revision: 2, matched: true, variables: { n: 2, other: 2 } })
    expect((await until(execution, { until: 'vars.n == 1', after_revision: '1' })).body).toMatchObject({
      revision: 1,
      matched: true,
    })
    expect((await until(execution, { until: 'vars.n == 1', after_revision: '2' })).body).toMatchObject({
      ...{ revision: 4, matched: false },
      variables: { n: 4, other: 4 },
    })
    expect((await until(execution, { until: 'vars.never' })).body).toMatchObject({ matched: false })
  })

  it('answers as soon as it holds', async () => {
    const execution = newId()
    const waiting = until(execution, { until: 'vars.progress >= 1', wait: '30' })
    for (const progress of [0.5, 1, 0]) await set(execution, { progress })
    expect((await waiting).body).toMatchObject({ matched: true, revision: 2, variables: { progress: 1 } })
  })

  it.each([
    ['no expression', { until: 'vars.(' }, 'until'],
    ['a wait that is none', { until: 'vars.x', wait: '3m' }, 'wait'],
    ['a wait that is too long', { until: 'vars.x', wait: '61s' }, 'wait'],
    ['a revision beyond the present', { until: 'vars.x', after_revision: '99' }, 'asOf'],
  ])('refuses %s', async (_name, query, field) => {
    const execution = newId()
    await set(execution, { n: 1 })
    const { status, body } = await until(execution, query)
    expect(status).toBe(422)
    expect(body).toMatchObject({ code: 'VALIDATION', field })
  })

  it('what a step asks is answered over REST, GraphQL, the SDK and the command line', async () => {
    await client().registerPlaybook(`apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: asks, path: e2e/asks}
workflow:
- step: ask
  wait: {ask: {title: How many?, form: {type: object, required: [n], properties: {n: {type: integer, minimum: 1}}}}}
`)
    const ended = async (execution: string) => {
      for await (const { status } of client().watchExecution(execution)) if (status !== 'RUNNING') return status
      return null
    }
    const asked = async () => {
      const { id: execution } = await client().startExecution({ path: 'e2e/asks' })
      await expect.poll(async () => (await client().waitingSteps({ executionId: execution, isAsking: true })).length).toBe(1)
      return execution
    }
    const overRest = async (execution: string, body: object, run: number | string = 1) => {
      const response = await fetch(`${server.url}/api/executions/${execution}/steps/${run}/answer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    }
    const first = await asked()
    expect(await overRest(first, { values: { n: 0 } })).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION', problems: [{ path: '/n', keyword: 'minimum' }] },
    })
    expect((await overRest(first, { values: { n: 1 } }, 'x')).body).toMatchObject({ code: 'VALIDATION', field: 'run' })
    expect((await overRest(first, { value: { n: 1 } })).status).toBe(422)
    expect(await overRest(first, { values: { n: 2 } })).toEqual({
      status: 200,
      body: { execution_id: first, run: 1, step: 'ask', status: 'succeeded', answered_by: 'api:anonymous' },
    })
    expect(await overRest(first, { values: { n: 3 } })).toMatchObject({
      status: 409,
      body: { code: 'CONFLICT', answered_by: 'api:anonymous' },
    })
    expect(await ended(first)).toBe('COMPLETED')
    const second = await asked()
    expect(await client().answerStep(second, 1, { n: 5 })).toMatchObject({ step: 'ask', status: 'SUCCEEDED' })
    await expect(client().answerStep(second, 1, { n: 5 })).rejects.toMatchObject({ code: 'CONFLICT' })
    const third = await asked()
    const listed = await runCli(['execution', 'waiting', '--asking', '--output', 'json'], { url: server.url })
    expect(JSON.parse(listed.out)).toMatchObject([{ execution_id: third, run: 1, step: 'ask', title: 'How many?' }])
    const told = await runCli(['execution', 'answer', third, '1', '--values', '{"n": 7}'], { url: server.url })
    expect([told.code, told.out + told.err]).toEqual([0, 'answered: step "ask" succeeded\n'])
    expect(await ended(third)).toBe('COMPLETED')
  })

  it('waitFor of the SDK goes on over several requests, or ends in time', async () => {
    const execution = newId()
    const matched = client().waitFor(execution, 'vars.done')
    await set(execution, { done: false })
    await set(execution, { done: true })
    expect(await matched).toEqual({ revision: 2, variables: { done: true } })
    expect(await client().waitFor(execution, 'vars.never', { timeoutMs: 50 })).toBeNull()
    await expect(client().waitFor(execution, 'vars.(')).rejects.toMatchObject({ code: 'VALIDATION' })
  })

  it('vars wait ends with 0 when it holds, and with 7 when it does not in time', async () => {
    const execution = newId()
    const wait = (...args: string[]) => runCli(['vars', 'wait', execution, ...args], { url: server.url, input: '' })
    await set(execution, { progress: 1 })
    const held = await wait('--until', 'vars.progress >= 1', '--timeout', '10m', '-o', 'json')
    expect({ code: held.code, out: JSON.parse(held.out) }).toEqual({
      code: 0,
      out: { revision: 1, variables: { progress: 1 } },
    })
    expect(await wait('--until', 'vars.progress > 1', '--timeout', '1s')).toMatchObject({ code: 7 })
    expect(await wait('--until', 'vars.progress > 1', '--timeout', 'soon')).toMatchObject({ code: 2 })
    expect(await wait('--until', 'vars.(')).toMatchObject({ code: 2 })
  })
})
