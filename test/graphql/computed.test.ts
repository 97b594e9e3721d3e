import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type InProcessServer, startInProcess } from './server.js'

const SOURCE = `
apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: computed, path: tests/computed}
workload: {total: 4}
computed:
  progress: "{{ vars.done / workload.total }}"
  done: "{{ vars.processed + vars.failed }}"
workflow:
- step: start
  vars: {processed: 1, failed: 0}
  next: [wait]
- step: wait
  tool: {kind: python, code: "result = 1"}
  pool: nobody
`

let server: InProcessServer
let id: string

beforeAll(async () => {
  server = await startInProcess()
  await server.services.catalog.register(SOURCE)
  id = (await server.services.orchestrator.start({ path: 'tests/computed', workload: {} })).id
  while (!('done' in (await server.services.variables.values(id)))) await sleep(20)
})
afterAll(() => server.close())

it('a playbook tells its computed variables, and a variable what it is computed by', async () => {
  const { data } = await server.ask(`{
    playbook(path: "tests/computed") { computed { name expression dependsOn line } }
    variables(executionId: "${id}") { nodes { name type expression dependsOn valueText } }
    past: variables(executionId: "${id}", asOf: 1, filter: {name: {eq: "done"}}) { nodes { value expression } }
  }`)
  const [done, progress] = ['{{ vars.processed + vars.failed }}', '{{ vars.done / workload.total }}']
  expect(data).toMatchObject({
    playbook: {
      computed: [
        { name: 'done', expression: done, dependsOn: ['processed', 'failed'], line: 8 },
        { name: 'progress', expression: progress, dependsOn: ['done'], line: 7 },
      ],
    },
    past: { nodes: [{ value: 1, expression: done }] },
  })
  expect((data as { variables: { nodes: object[] } }).variables.nodes).toEqual(
    expect.arrayContaining([
      { name: 'processed', type: 'STEP_RESULT', expression: null, dependsOn: null, valueText: '1' },
      { name: 'progress', type: 'COMPUTED', expression: progress, dependsOn: ['done'], valueText: '0.25' },
    ]),
  )
})

it('is not written over GraphQL, and what it cannot be computed from is refused with its place', async () => {
  const write = (name: string, value: string) =>
    server.ask(`mutation { upsertVariable(input: {executionId: "${id}", name: "${name}", value: ${value}}) { revision } }`)
  expect((await write('done', '5')).errors).toMatchObject([{ extensions: { code: 'VALIDATION', field: 'name', name: 'done' } }])
  expect((await write('failed', '"x"')).errors).toMatchObject([
    { extensions: { code: 'COMPUTED_FAILED', name: 'done', line: 8, column: 9 } },
  ])
  expect((await write('failed', '2')).data).toMatchObject({ upsertVariable: { revision: 2 } })
  expect(await server.services.variables.values(id)).toMatchObject({ done: 3, progress: 0.75 })
})
