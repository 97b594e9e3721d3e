import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isJsonObject, type JsonValue } from '../../src/core/json.js'
import { type InProcessServer, startInProcess } from './server.js'

/** Two loops: one of whose iterations some fail, one that is given by `more`; and a step without a loop. */
const source = (name: string, more: string) => `
apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: ${name}, path: tests/${name}}
workflow:
- step: start
  next: some
- step: some
  loop: {in: [1, 0, 2, 0, 4], iterator: x}
  tool: {kind: python, code: "def main(x): return 1 / x"}
  next: other
- step: other
${more}
`
const NONE = `  loop: {in: [1, 2, 3], iterator: x}
  tool: {kind: python, code: "def main(x): raise ValueError(x)"}`
const STOPPED = `  loop: {in: [1, 0, 2, 3], iterator: x, mode: sequential, fail_fast: true}
  tool: {kind: python, code: "def main(x): return 1 / x"}`
const EMPTY = `  loop: {in: [], iterator: x}
  tool: {kind: python, code: "result = 1"}`

describe('how the iterations of loops ended', () => {
  let server: InProcessServer

  beforeAll(async () => {
    server = await startInProcess()
  })
  afterAll(() => server.close())

  async function run(name: string, more: string): Promise<string> {
    await server.services.catalog.register(source(name, more))
    const { id } = await server.services.orchestrator.start({ path: `tests/${name}`, workload: {} })
    while ((await server.services.executions.get(id)).status === 'running') await sleep(20)
    return id
  }

  async function ask(query: string): Promise<JsonValue> {
    const answer = await server.ask(query)
    expect(answer.errors).toEqual([])
    return answer.data as JsonValue
  }

  it.each([
    ['none', NONE, 'COMPLETED', [null, [5, 3, 2], [3, 0, 3]], [8, 3, 5]],
    ['stopped', STOPPED, 'FAILED', [null, [5, 3, 2], [4, 1, 1]], [9, 4, 3]],
    ['empty', EMPTY, 'COMPLETED', [null, [5, 3, 2], [0, 0, 0]], [5, 3, 2]],
  ])('%s: a step and its execution count them', async (name, more, status, steps, all) => {
    const id = await run(name, more)
    const counts = (each: readonly number[] | null) => each && { total: each[0], succeeded: each[1], failed: each[2] }
    const shown = await ask(`{ execution(id: "${id}") {
      status
      iterationCounts { total succeeded failed }
      steps { nodes { iterationCounts { total succeeded failed } iterations { nodes { iterationCounts { total } } } } }
    } }`)
    expect(shown).toMatchObject({
      execution: {
        status,
        iterationCounts: counts(all),
        steps: { nodes: steps.map((each) => ({ iterationCounts: counts(each) })) },
      },
    })
    expect(JSON.stringify(shown)).toContain('"iterations":{"nodes":[{"iterationCounts":null}')
    const { execution } = (await ask(`{ execution(id: "${id}") { events { nodes { name step data } } } }`)) as {
      execution: { events: { nodes: { name: string; step: string; data: JsonValue }[] } }
    }
    const ended = execution.events.nodes.filter((event) => /^step\.(completed|failed)$/.test(event.name))
    const said = ended.map(({ data }) => (isJsonObject(data) ? (data['iterations'] ?? null) : null))
    expect(said).toEqual(steps.map(counts))
  })

  it('an execution without a loop has none, and many are counted side by side', async () => {
    await ask('mutation { upsertVariable(input: {executionId: "700000000000000001", name: "a", value: 1}) { revision } }')
    const { executions } = (await ask('{ executions { nodes { id playbook { path } iterationCounts { total failed } } } }')) as {
      executions: { nodes: { playbook: { path: string } | null; iterationCounts: JsonValue }[] }
    }
    const found = Object.fromEntries(
      executions.nodes.map(({ playbook, iterationCounts }) => [playbook?.path ?? '', iterationCounts]),
    )
    expect(found).toEqual({
      '': null,
      'tests/none': { total: 8, failed: 5 },
      'tests/stopped': { total: 9, failed: 3 },
      'tests/empty': { total: 5, failed: 2 },
    })
  })
})
