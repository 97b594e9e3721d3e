import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.js'
import { type InProcessServer, startInProcess } from './server.js'

const SOURCE = `
apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: story, path: tests/story}
workload: {limit: 2}
workflow:
- step: start
  desc: Counts
  vars: {n: 1, long: "${'x'.repeat(300)}"}
  next:
  - when: "{{ vars.n > workload.limit }}"
    then: [{step: high}]
  - else: [{step: low}]
- step: high
- step: low
  vars: {n: "{{ vars.n + 1 }}"}
`

let server: InProcessServer
let id: string

async function data(query: string): Promise<JsonObject> {
  const answer = await server.ask(query)
  expect(answer.errors).toEqual([])
  return answer.data as JsonObject
}

beforeAll(async () => {
  server = await startInProcess()
  await server.services.catalog.register(SOURCE)
  await server.services.catalog.register(`${SOURCE}# again\n`)
  id = (await server.services.orchestrator.start({ path: 'tests/story', workload: {} })).id
  while ((await server.services.executions.get(id)).status === 'running') await sleep(20)
})
afterAll(() => server.close())

describe('what the console reads', () => {
  it('a playbook shows its schemas, each whole in itself', async () => {
    const schema = `schema:
  workload: {properties: {limit: {$ref: "#/$defs/count"}}}
  vars: {n: {type: integer}, m: {$ref: "#/$defs/count"}}
  $defs: {count: {type: integer}}
`
    await server.services.catalog.register(`${SOURCE.replaceAll('story', 'checked')}${schema}`)
    const found = await data(`{
      checked: playbook(path: "tests/checked") { workloadSchema variableSchemas }
      story: playbook(path: "tests/story") { workloadSchema variableSchemas }
    }`)
    const $defs = { count: { type: 'integer' } }
    expect(found).toEqual({
      checked: {
        workloadSchema: { properties: { limit: { $ref: '#/$defs/count' } }, $defs },
        variableSchemas: { n: { type: 'integer' }, m: { $ref: '#/$defs/count', $defs } },
      },
      story: { workloadSchema: null, variableSchemas: null },
    })
    const refused = await server.ask('mutation { startExecution(input: {path: "tests/checked", workload: {limit: "x"}}) { id } }')
    expect(refused.errors).toMatchObject([
      { extensions: { code: 'VALIDATION', problems: [{ path: '/limit', keyword: 'type', message: 'must be an integer' }] } },
    ])
  })

  it('a playbook shows its graph, its workload and its versions', async () => {
    const { playbook, playbookVersions } = await data(`{
      playbook(path: "tests/story") {
        workload startStep
        steps { name description kind isIterator transitions { to when isElse isCase at } }
      }
      playbookVersions(path: "tests/story", first: 1) { totalCount nodes { version } pageInfo { hasNextPage } }
    }`)
    expect(playbook).toMatchObject({ workload: { limit: 2 }, startStep: 'start' })
    expect((playbook as JsonObject)['steps']).toMatchObject([
      {
        name: 'start',
        description: 'Counts',
        kind: null,
        isIterator: false,
        transitions: [
          { to: 'high', when: '{{ vars.n > workload.limit }}', isElse: false, isCase: false, at: 'workflow[0].next[0]' },
          { to: 'low', when: null, isElse: true, isCase: false, at: 'workflow[0].next[1]' },
        ],
      },
      { name: 'high' },
      { name: 'low' },
    ])
    expect(playbookVersions).toEqual({ totalCount: 2, nodes: [{ version: 2 }], pageInfo: { hasNextPage: true } })
  })

  it('the events of a step say why it led where it did', async () => {
    const { execution } = await data(`{ execution(id: "${id}") {
      currentSteps
      events { nodes { name } }
      steps(first: 1) { nodes { events { nodes { name attempt revision data } } } }
    } }`)
    expect(execution).toMatchObject({ currentSteps: [] })
    const text = JSON.stringify(execution)
    expect(text).toContain('execution.completed')
    expect(text).toContain('"routes":[{"at":"workflow[0].next[0]"')
  })

  it('lists carry a preview and a size instead of large values', async () => {
    const { variables, variableHistory } = await data(`{
      variables(executionId: "${id}") { nodes { name size preview(length: 5) } }
      variableHistory(executionId: "${id}", name: "n") { nodes { version size preview } }
    }`)
    expect(variables).toEqual({
      nodes: expect.arrayContaining([
        { name: 'n', size: 1, preview: '2' },
        { name: 'long', size: 302, preview: '"xxxx' },
      ]) as unknown,
    })
    expect(variableHistory).toEqual({
      nodes: [
        { version: 1, size: 1, preview: '1' },
        { version: 2, size: 1, preview: '2' },
      ],
    })
  })
})
