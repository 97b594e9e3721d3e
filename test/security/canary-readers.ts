import { ROUTES } from '../access/operations.js'
import { connect } from '../graphql/socket.js'
import type { TestServer } from '../support/server.js'
import { everythingOf, rootFields } from './selection.js'

/** What stood in one place, under its name. */
export type Found = Record<string, string>

/** What a root field of a query is given to read one execution. A new field must be added: the test tells. */
const ARGUMENTS: Readonly<Record<string, (id: string, path: string) => string>> = {
  me: () => '',
  apiKeys: () => '',
  audit: () => '',
  executions: () => '',
  playbooks: () => '',
  node: (id) => `id: "${id}"`,
  playbook: (_, path) => `path: "${path}"`,
  playbookVersions: (_, path) => `path: "${path}"`,
  validatePlaybook: () => 'source: "x"',
  variable: (id) => `executionId: "${id}", name: "d0"`,
  variables: (id) => `executionId: "${id}"`,
  searchVariables: () => 'filter: {}',
  variableHistory: (id) => `executionId: "${id}"`,
  execution: (id) => `id: "${id}"`,
  renderTemplate: (id) => `executionId: "${id}", template: "{{ vars | tojson }}{{ workload.key }}"`,
}

/** Every query with every field, about one execution. */
export async function askEverything(server: TestServer, id: string, path: string): Promise<Found> {
  const found: Found = {}
  for (const name of rootFields('query')) {
    const given = ARGUMENTS[name]
    if (given === undefined) throw new Error(`Query.${name} is new: say here what it is given`)
    const answer = await server.graphql(everythingOf('query', name, given(id, path)))
    if (answer.data === null) throw new Error(`Query.${name} was not answered: ${JSON.stringify(answer.errors)}`)
    found[`Query.${name}`] = JSON.stringify(answer)
  }
  return found
}

/** Every route of REST that one may GET, and what has its own query. */
export async function askRest(server: TestServer, id: string): Promise<Found> {
  const gets = Object.entries(ROUTES).filter(([route, { isStream }]) => route.startsWith('GET ') && isStream !== true)
  const paths = gets.map(([route, { path }]) => (path ?? route.slice(4)).replace('{id}/a', '{id}/d0'))
  const found: Found = {}
  for (const path of [...paths, '/api/vars/{id}?after_revision=0&wait=0', '/health/ready']) {
    const { status, headers, body } = await server.rest('GET', path.replace('{id}', id))
    found[`GET ${path}`] = JSON.stringify([status, [...headers], body])
  }
  return found
}

/** Templates that fail over what they read, in the playground. */
const FAILING = ['vars.d0[workload.key]', 'workload.key + 1', 'vars.d0 | int(x)', 'workload.key.nothing.at', 'vars[workload.key]']

interface Wrongly {
  readonly id: string
  /** A sensitive variable of it. */
  readonly name: string
  readonly secret: string
}

/** What goes wrong with something sensitive: the answer is an error, and must not say with what. */
export async function askWrongly(server: TestServer, { id, name, secret }: Wrongly): Promise<Found> {
  const asked: Record<string, [string, object?]> = {
    'a sum with a mask': [`mutation { incrementVariable(input: {executionId: "${id}", name: "${name}"}) { revision } }`],
    'a conflict of a write': [
      `mutation { upsertVariable(input: {executionId: "${id}", name: "${name}", value: 1, expectedVersion: 99}) { revision } }`,
    ],
    'a conflict of a deletion': [
      `mutation { deleteVariable(input: {executionId: "${id}", name: "${name}", expectedVersion: 99}) { revision } }`,
    ],
    'a name that is none': [
      'mutation ($input: UpsertVariableInput!) { upsertVariable(input: $input) { revision } }',
      { input: { executionId: id, name: 'no name!', value: secret, sensitive: true } },
    ],
    'a sensitive conflict': [
      'mutation ($input: UpsertVariableInput!) { upsertVariable(input: $input) { revision } }',
      { input: { executionId: id, name, value: secret, sensitive: true, expectedVersion: 99 } },
    ],
  }
  for (const template of FAILING) {
    asked[`the template ${template}`] = [
      'query ($id: ID!, $template: String!) { renderTemplate(executionId: $id, template: $template) { value error { code message line column } } }',
      { id, template: `{{ ${template} }}` },
    ]
  }
  const found: Found = {}
  for (const [what, [query, variables]] of Object.entries(asked)) {
    const answer = await server.graphql(query, { ...variables })
    if (query.startsWith('mutation') && answer.errors.length === 0) throw new Error(`${what} was no error`)
    found[what] = JSON.stringify(answer)
  }
  const body = { variables: { [name]: secret }, sensitive: true }
  const conflict = await server.rest('POST', `/api/vars/${id}`, body, { 'if-match': '"99"' })
  if (conflict.status < 400) throw new Error('a conflict of REST was no error')
  found['a conflict of REST'] = JSON.stringify(conflict)
  return found
}

export interface Listening {
  readonly heard: () => Found
  stop(): void
}

/** Follows all executions over WebSocket and server-sent events, and each new one by itself; `follow` begins with one. */
export async function listenToAll(server: TestServer): Promise<Listening & { follow(id: string): void }> {
  const found: Found = {}
  const hear = (name: string, text: string): void => {
    found[name] = (found[name] ?? '') + text
  }
  const abort = new AbortController()
  const { socket, send } = await connect(server.url)
  const names = new Map<string, string>()
  socket.on('message', (data) => {
    const text = String(data)
    hear(`WebSocket ${names.get((JSON.parse(text) as { id?: string }).id ?? '') ?? ''}`, text)
  })
  const subscribe = (name: string, given = ''): void => {
    const id = `${names.size}`
    names.set(id, name)
    send({ id, type: 'subscribe', payload: { query: everythingOf('subscription', name, given) } })
  }
  const readStream = (name: string, path: string, init: RequestInit = {}): void => {
    const read = async (): Promise<void> => {
      const response = await fetch(server.url + path, { ...init, signal: abort.signal })
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) hear(name, Buffer.from(chunk).toString())
    }
    read().catch((error: unknown) => {
      if (!abort.signal.aborted) hear('streams that broke', String(error))
    })
  }
  const streamOf = (name: string, given = ''): void =>
    readStream(`SSE ${name}`, '/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: everythingOf('subscription', name, given) }),
    })

  subscribe('executionsChanged')
  streamOf('executionsChanged')
  return {
    follow(id) {
      const watched = `executionId: "${id}", afterRevision: 0`
      subscribe('variableChanged', watched)
      streamOf('variableChanged', watched)
      subscribe('executionChanged', `id: "${id}"`)
      readStream('SSE of REST', `/api/vars/${id}/events?after_revision=0`, { headers: { accept: 'text/event-stream' } })
    },
    heard: () => ({ ...found }),
    stop() {
      abort.abort()
      socket.terminate()
    },
  }
}
