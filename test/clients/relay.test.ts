import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Client, createClient } from 'graphql-ws'
import {
  type ConcreteRequest,
  commitMutation,
  createOperationDescriptor,
  Environment,
  type FetchFunction,
  fetchQuery,
  getSelector,
  Network,
  Observable,
  type ReaderFragment,
  RecordSource,
  requestSubscription,
  type SingularReaderSelector,
  Store,
  type SubscribeFunction,
  type Variables,
} from 'relay-runtime'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type InProcessServer, startInProcess } from '../graphql/server.js'
import { WAIT } from '../support/pace.js'
import { ROOT } from '../support/paths.js'
import { newId } from '../variables/support.js'

/** Relay's compiler on schema.graphql, and what it makes, in Relay's own store. */

const SOURCE = `
graphql\`query appQuery($id: ID!) {
  execution(id: $id) { id status ...app_variables ...app_steps }
  node(id: $id) { __typename id ... on Execution { revision } }
}\`
graphql\`fragment app_variables on Execution
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
  @refetchable(queryName: "appVariablesPage") {
    variables(first: $count, after: $cursor) @connection(key: "app_variables") { totalCount edges { node { id name ...app_variable } } }
  }\`
graphql\`fragment app_variable on Variable @refetchable(queryName: "appVariableQuery") { id name value version revision }\`
graphql\`fragment app_steps on Execution { steps(first: 10) @connection(key: "app_steps") { edges { node { id step } } } }\`
graphql\`query appListsQuery($count: Int = 10, $path: String!, $id: ID!) {
  executions(first: $count) @connection(key: "app_executions") { edges { node { id } } }
  playbooks(first: $count) @connection(key: "app_playbooks") { edges { node { id path version } } }
  playbookVersions(path: $path, first: $count) @connection(key: "app_playbookVersions") { edges { node { id } } }
  variableHistory(executionId: $id, first: $count) @connection(key: "app_variableHistory") { edges { node { revision name } } }
  audit(first: $count) @connection(key: "app_audit") { edges { node { id action } } }
}\`
graphql\`mutation appWriteMutation($input: UpsertVariableInput!) { upsertVariable(input: $input) { variable { ...app_variable } revision } }\`
graphql\`subscription appWatchSubscription($id: ID!, $after: Revision) {
  variableChanged(executionId: $id, afterRevision: $after) { kind revision changes { name value } }
}\`
`

const PLAYBOOK = `
apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: relay, path: clients/relay}
workflow: [{step: start, type: python, code: "def main(): return 1"}]
`

const require = createRequire(import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'transient-relay-'))
const artifact = <T = ConcreteRequest>(name: string): T => require(join(folder, '__generated__', `${name}.graphql.js`)) as T

/** The compiler's own binary, from its package. */
async function compile(): Promise<string> {
  writeFileSync(join(folder, 'app.js'), SOURCE)
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }')
  copyFileSync(join(ROOT, 'schema.graphql'), join(folder, 'schema.graphql'))
  const settings = {
    src: '.',
    schema: './schema.graphql',
    language: 'javascript',
    eagerEsModules: false,
    customScalarTypes: { JSON: 'mixed' },
  }
  writeFileSync(join(folder, 'relay.config.json'), JSON.stringify(settings))
  const compiler = require.resolve('relay-compiler/cli.js')
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, 'relay.config.json'], { cwd: folder })
  return stdout
}

let server: InProcessServer
let socket: Client
let environment: Environment
beforeAll(async () => {
  server = await startInProcess()
  socket = createClient({ url: `${server.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket })
  const post: FetchFunction = async ({ text }, variables) => {
    const answer = await server.ask(text ?? '', JSON.stringify(variables))
    return JSON.parse(answer.text)
  }
  const watch: SubscribeFunction = ({ text, name }, variables) =>
    Observable.create((sink) => socket.subscribe({ operationName: name, query: text ?? '', variables }, sink as never))
  environment = new Environment({ network: Network.create(post, watch), store: new Store(new RecordSource()) })
})
afterAll(async () => {
  await socket?.dispose()
  await server?.close()
  rmSync(folder, { recursive: true, force: true })
})

async function write(executionId: string, name: string, value: unknown): Promise<void> {
  const input = JSON.stringify({ input: { executionId, name, value } })
  await server.ask('mutation ($input: UpsertVariableInput!) { upsertVariable(input: $input) { revision } }', input)
}

async function run(): Promise<string> {
  await server.ask(`mutation { registerPlaybook(source: ${JSON.stringify(PLAYBOOK)}) { id } }`)
  const { data } = await server.ask('mutation { startExecution(input: { path: "clients/relay" }) { id } }')
  const { id } = (data as unknown as { startExecution: { id: string } }).startExecution
  const status = async () => (await server.ask(`{ execution(id: "${id}") { status } }`)).data?.['execution']
  await vi.waitFor(async () => expect(await status()).toEqual({ status: 'COMPLETED' }), WAIT)
  return id
}

/** What the store has for an operation. */
function read(name: string, variables: Variables): Record<string, unknown> {
  const operation = createOperationDescriptor(artifact(name), variables)
  environment.retain(operation)
  return environment.lookup(operation.fragment).data as Record<string, unknown>
}

/** What the store has for a fragment. */
function readFragment<T>(name: string, reference: unknown): T {
  const selector = getSelector(artifact<ReaderFragment>(name), reference)
  return environment.lookup(selector as SingularReaderSelector).data as T
}

const idOf = (edge: unknown): string => (edge as { node: { id: string } }).node.id

interface Connection {
  readonly variables: {
    readonly totalCount: number
    readonly edges: readonly { readonly node: { readonly id: string; readonly name: string } }[]
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string }
  }
}

describe('Relay', () => {
  let id: string
  const said = vi.spyOn(console, 'error')
  beforeAll(async () => {
    expect(await compile()).toContain('Compilation completed')
    id = newId()
    for (const name of ['a', 'b', 'c', 'd', 'e']) await write(id, name, name)
  })
  afterAll(() => said.mockRestore())

  it('reads, and joins the pages of a connection', async () => {
    const data = await fetchQuery(environment, artifact('appQuery'), { id }).toPromise()
    expect(data).toMatchObject({ execution: { id }, node: { __typename: 'Execution', id, revision: 5 } })
    const connection = () => readFragment<Connection>('app_variables', read('appQuery', { id })['execution']).variables
    const pages: string[][] = []
    for (let page = connection(); ; page = connection()) {
      pages.push(page.edges.map(({ node }) => node.name))
      const { hasNextPage, endCursor: cursor } = page.pageInfo
      if (!hasNextPage) break
      // The name that `@refetchable` gives the query of the next page; it goes through node(id:).
      await fetchQuery(environment, artifact('appVariablesPage'), { id, count: 2, cursor }).toPromise()
    }
    expect(pages).toEqual([
      ['a', 'b'],
      ['a', 'b', 'c', 'd'],
      ['a', 'b', 'c', 'd', 'e'],
    ])
    expect(connection().totalCount).toBe(5)
  })

  it('reads every list, and no two things share an id', async () => {
    const ran = await run()
    // Small ids, as others may count.
    for (let other = 1; other < 5; other += 1) await write(String(other), 'n', 1)
    const variables = { id: ran }
    await fetchQuery(environment, artifact('appQuery'), variables).toPromise()
    const { steps } = readFragment<{ steps: unknown }>('app_steps', read('appQuery', variables)['execution'])
    expect(steps).toMatchObject({ edges: [{ node: { step: 'start' } }] })
    const lists = await fetchQuery(environment, artifact('appListsQuery'), { id, path: 'clients/relay' }).toPromise()
    const { executions, playbooks, playbookVersions, variableHistory, audit } = lists as Record<string, { edges: unknown[] }>
    expect(executions?.edges.map(idOf)).toEqual(expect.arrayContaining([id, ran]))
    expect(playbookVersions?.edges.map(idOf)).toEqual(playbooks?.edges.map(idOf))
    expect(playbooks?.edges.length).toBe(1)
    expect(variableHistory?.edges.length).toBe(5)
    expect(audit?.edges.length).toBeGreaterThan(1)
  })

  it('puts what a mutation answers where the variable is shown, and finds it again by its id', async () => {
    const input = { executionId: id, name: 'a', value: { new: true } }
    await new Promise<void>((resolve, reject) =>
      commitMutation(environment, {
        mutation: artifact('appWriteMutation'),
        variables: { input },
        onCompleted: () => resolve(),
        onError: reject,
      }),
    )
    const { variables } = readFragment<Connection>('app_variables', read('appQuery', { id })['execution'])
    const shown = variables.edges.find(({ node }) => node.name === 'a')?.node
    expect(readFragment('app_variable', shown)).toMatchObject({ value: input.value, version: 2 })
    await write(id, 'a', 'newer')
    await fetchQuery(environment, artifact('appVariableQuery'), { id: shown?.id ?? '' }).toPromise()
    expect(readFragment('app_variable', shown)).toMatchObject({ value: 'newer', version: 3 })
  })

  it('watches', async () => {
    const watched = newId()
    const seen: unknown[] = []
    const { dispose } = requestSubscription(environment, {
      subscription: artifact('appWatchSubscription'),
      variables: { id: watched, after: 0 },
      onNext: (data) => void seen.push(data),
      onError: (error) => void seen.push(error),
    })
    await write(watched, 'n', 1)
    await expect.poll(() => seen.at(-1)).toMatchObject({ variableChanged: { changes: [{ name: 'n', value: 1 }] } })
    dispose()
  })
  it('took nothing amiss of all that, like one id of two things', () => {
    expect(said.mock.calls).toEqual([])
  })
})
