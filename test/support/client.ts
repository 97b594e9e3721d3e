import { setTimeout as sleep } from 'node:timers/promises'
import { within } from './pace.js'

export interface RestAnswer {
  readonly status: number
  readonly headers: Headers
  /** The parsed body, or its text where it is not JSON. */
  readonly body: unknown
}

export interface GraphqlError {
  readonly message: string
  readonly extensions?: { readonly code?: string; readonly [key: string]: unknown }
}

export interface GraphqlAnswer {
  readonly status: number
  readonly data: Record<string, unknown> | null
  readonly errors: readonly GraphqlError[]
}

export interface Variable {
  readonly value: unknown
  readonly type: string
  readonly source_step: string | null
}

export interface StepVisit {
  readonly step: string
  readonly status: string
  readonly attempts: number
  readonly result: unknown
  readonly error: { readonly code: string; readonly message: string } | null
}

export interface Execution {
  readonly id: string
  readonly status: string
  readonly revision: number
  readonly error: {
    readonly code: string
    readonly message: string
    readonly step: string | null
    readonly attempt: number | null
  } | null
}

export interface Change {
  readonly revision: number
  readonly name: string
  readonly value: unknown
  readonly actor: string
}

export interface TransientClient {
  rest(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<RestAnswer>
  graphql(query: string, variables?: Record<string, unknown>): Promise<GraphqlAnswer>
  /** The data of a query that must succeed. */
  query<T>(query: string, variables?: Record<string, unknown>): Promise<T>
  /** Registers a playbook's YAML; answers its path. */
  register(source: string): Promise<string>
  /** Starts the newest version at a path; answers the execution's id. */
  startExecution(path: string, workload?: unknown): Promise<string>
  execution(id: string): Promise<Execution>
  /** Waits until an execution ended. */
  untilEnded(id: string, withinMs?: number): Promise<Execution>
  variables(id: string): Promise<Record<string, Variable>>
  steps(id: string): Promise<StepVisit[]>
  /** The whole change log, oldest first. */
  history(id: string): Promise<Change[]>
}

const EXECUTION = `query ($id: ID!) { execution(id: $id) { id status revision error { code message step attempt } } }`
const STEPS = `query ($id: ID!, $after: String) { execution(id: $id) { steps(first: 100, after: $after) {
  nodes { step status attempts result error { code message } } pageInfo { hasNextPage endCursor } } } }`
const HISTORY = `query ($id: ID!, $after: String) { variableHistory(executionId: $id, first: 250, after: $after) {
  nodes { revision name value actor } pageInfo { hasNextPage endCursor } } }`
const REGISTER = 'mutation ($source: String!) { registerPlaybook(source: $source) { path } }'
const START = 'mutation ($input: StartExecutionInput!) { startExecution(input: $input) { id } }'
const FINISHED = ['COMPLETED', 'FAILED', 'CANCELLED']

interface Connection<T> {
  readonly nodes: readonly T[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
}

/** A newcomer's client: plain HTTP, nothing of the product's own code. Numbers are JavaScript's. */
export function createClient(url: string, key?: string): TransientClient {
  const credential: Record<string, string> = key === undefined || key === '' ? {} : { authorization: `Bearer ${key}` }

  async function rest(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<RestAnswer> {
    const isText = typeof body === 'string'
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...credential, ...headers },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    })
    return { status: response.status, headers: response.headers, body: parsed(await response.text()) }
  }

  async function graphql(query: string, variables: Record<string, unknown> = {}): Promise<GraphqlAnswer> {
    const { status, body } = await rest('POST', '/graphql', { query, variables })
    const answer = (typeof body === 'object' && body !== null ? body : {}) as Partial<GraphqlAnswer>
    return { status, data: answer.data ?? null, errors: answer.errors ?? [] }
  }

  async function query<T>(document: string, variables: Record<string, unknown> = {}): Promise<T> {
    const { data, errors, status } = await graphql(document, variables)
    if (data === null || errors.length > 0) throw new Error(`GraphQL answered ${status}: ${JSON.stringify(errors)}`)
    return data as T
  }

  async function allPages<T>(fetchPage: (after: string | null) => Promise<Connection<T>>): Promise<T[]> {
    const nodes: T[] = []
    let after: string | null = null
    for (;;) {
      const page: Connection<T> = await fetchPage(after)
      nodes.push(...page.nodes)
      if (!page.pageInfo.hasNextPage) return nodes
      after = page.pageInfo.endCursor
    }
  }

  async function execution(id: string): Promise<Execution> {
    return (await query<{ execution: Execution }>(EXECUTION, { id })).execution
  }

  return {
    rest,
    graphql,
    query,
    register: async (source) => (await query<{ registerPlaybook: { path: string } }>(REGISTER, { source })).registerPlaybook.path,
    async startExecution(path, workload) {
      const input = workload === undefined ? { path } : { path, workload }
      return (await query<{ startExecution: { id: string } }>(START, { input })).startExecution.id
    },
    execution,
    async untilEnded(id, withinMs = 60_000) {
      const deadline = Date.now() + within(withinMs)
      for (;;) {
        const now = await execution(id)
        if (FINISHED.includes(now.status)) return now
        if (Date.now() > deadline) throw new Error(`execution ${id} is still ${now.status} after ${withinMs} ms`)
        await sleep(50)
      }
    },
    async variables(id) {
      const { body } = await rest('GET', `/api/vars/${id}`)
      return (body as { variables: Record<string, Variable> }).variables
    },
    steps: (id) =>
      allPages(
        async (after) => (await query<{ execution: { steps: Connection<StepVisit> } }>(STEPS, { id, after })).execution.steps,
      ),
    async history(id) {
      const changes = await allPages(
        async (after) => (await query<{ variableHistory: Connection<Change> }>(HISTORY, { id, after })).variableHistory,
      )
      return changes.sort((a, b) => a.revision - b.revision)
    },
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
