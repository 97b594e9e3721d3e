import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import type { ExecutionId } from '../core/ids.js'
import { type JsonObject, parseJson } from '../core/json.js'
import {
  AnswerStepDocument,
  type AnswerStepMutation,
  type ExecutionFieldsFragment,
  ListVariablesDocument,
  type ListVariablesQuery,
  ListWaitingStepsDocument,
  type ListWaitingStepsQuery,
  type PlaybookFieldsFragment,
  RegisterPlaybookDocument,
  StartExecutionDocument,
  type StartExecutionInput,
  StartExecutionsDocument,
  type VariableFieldsFragment,
  type VariableFilter,
  type WaitingFilter,
} from './generated/graphql.js'
import { execute, type Variables } from './graphql.js'
import { type ClientOptions, createHttp, responseError } from './http.js'
import { createScheduleCalls, type ScheduleCalls } from './schedules.js'
import { createTaskCalls, type TaskCalls, type WorkerTask } from './tasks.js'
import { type Matched, type WaitForOptions, waitFor } from './wait-for.js'
import {
  type VariablesOf,
  type WatchControls,
  type WatchMessage,
  type WatchOptions,
  watchExecution,
  watchVariables,
} from './watch.js'

const PAGE = 250

export type WaitingStepNode = ListWaitingStepsQuery['waitingSteps']['nodes'][number]

export interface VariableList {
  /** The point to watch from: `watch(id, { afterRevision: revision })` misses nothing. */
  readonly revision: number
  readonly variables: readonly VariableFieldsFragment[]
}

export interface TransientClient {
  /** Runs any typed document (`sdk/generated/graphql.ts`). */
  request<Result, Input extends Variables>(document: TypedDocumentNode<Result, Input>, variables: Input): Promise<Result>
  /** The worker protocol; `createWorker` is the loop over it. */
  readonly tasks: TaskCalls
  readonly schedules: ScheduleCalls
  registerPlaybook(source: string): Promise<PlaybookFieldsFragment>
  /** What a playbook says of its values: its `schema` block, empty where it has none. By default of the latest version. @throws TransientError NOT_FOUND */
  getSchema(path: string, version?: number): Promise<JsonObject>
  /** @throws TransientError VALIDATION with `details.problems` where the workload does not fit the playbook's schema */
  startExecution(input: StartExecutionInput): Promise<ExecutionFieldsFragment>
  /** 1 to 250, in their order; when one cannot start, none is. */
  startExecutions(inputs: readonly StartExecutionInput[]): Promise<readonly ExecutionFieldsFragment[]>
  /** All variables as they were at one revision, over as many pages as it takes. */
  listVariables(of: VariablesOf, filter?: VariableFilter): Promise<VariableList>
  /** Every change exactly once, in order; resumes by itself. */
  watch(of: VariablesOf, options?: WatchOptions): AsyncGenerator<WatchMessage, void, undefined>
  /**
   * Waits until a condition over an execution's variables holds, such as `vars.progress >= 1`. Each revision is tested, so that nothing is missed.
   * Answers null where it did not hold within `timeoutMs`; without that it waits for ever. @throws TransientError VALIDATION, REVISION_GONE; UnreachableError
   */
  waitFor(id: ExecutionId, until: string, options?: WaitForOptions): Promise<Matched | null>
  /** Steps that wait now, the oldest executions first, over as many pages as it takes; with `isAsking` the questions that people have not answered. */
  waitingSteps(filter?: WaitingFilter): Promise<readonly WaitingStepNode[]>
  /**
   * Answers what a step asks. @throws TransientError VALIDATION with `details.problems` (the form), FORBIDDEN (not one's role), CONFLICT with
   * `details.answeredBy` when it is over
   */
  answerStep(executionId: ExecutionId, run: number, values: JsonObject): Promise<AnswerStepMutation['answerStep']>
  /** The execution's states until it ends; resumes by itself. */
  watchExecution(id: ExecutionId, controls?: WatchControls): AsyncGenerator<ExecutionFieldsFragment, void, undefined>
}

/**
 * A typed client over `fetch`. Numbers keep all their digits: those that a JavaScript number cannot hold come as
 * `LosslessNumber`, and are accepted as such. Its calls throw `TransientError` with the server's code, and
 * `UnreachableError` where no server answers.
 */
export function createClient(options: ClientOptions): TransientClient {
  const http = createHttp(options)
  const request: TransientClient['request'] = (document, variables) => execute(http, document, variables)

  async function listVariables(of: VariablesOf, filter?: VariableFilter): Promise<VariableList> {
    const key = typeof of === 'string' ? { executionId: of } : of
    const variables: VariableFieldsFragment[] = []
    let asOf: number | null = null
    let after: string | null = null
    for (;;) {
      const response: ListVariablesQuery = await request(ListVariablesDocument, {
        ...key,
        first: PAGE,
        after,
        filter: filter ?? null,
        asOf,
      })
      const page: ListVariablesQuery['variables'] = response.variables
      variables.push(...page.nodes)
      asOf ??= page.revision ?? 0
      after = page.pageInfo.endCursor
      if (!page.pageInfo.hasNextPage) return { revision: asOf, variables }
    }
  }

  async function waitingSteps(filter: WaitingFilter = {}): Promise<WaitingStepNode[]> {
    const found: WaitingStepNode[] = []
    for (let after: string | null = null; ; ) {
      const { waitingSteps: page }: ListWaitingStepsQuery = await request(ListWaitingStepsDocument, {
        first: PAGE,
        after,
        filter,
      })
      found.push(...page.nodes)
      after = page.pageInfo.endCursor
      if (!page.pageInfo.hasNextPage) return found
    }
  }

  return {
    request,
    waitingSteps,
    answerStep: async (executionId, run, values) => (await request(AnswerStepDocument, { executionId, run, values })).answerStep,
    tasks: createTaskCalls(http),
    schedules: createScheduleCalls(request),
    listVariables,
    registerPlaybook: async (source) => (await request(RegisterPlaybookDocument, { source })).registerPlaybook,
    async getSchema(path, version) {
      const query = version === undefined ? '' : `?version=${version}`
      const response = await http.send({ method: 'GET', path: `/api/playbooks/${encodeURIComponent(path)}/schema${query}` })
      if (response.status !== 200) throw responseError(response)
      return parseJson(response.text) as JsonObject
    },
    startExecution: async (input) => (await request(StartExecutionDocument, { input })).startExecution,
    startExecutions: async (inputs) => (await request(StartExecutionsDocument, { inputs: [...inputs] })).startExecutions,
    waitFor: (id, until, waitOptions) => waitFor(http, { id, until, ...waitOptions }),
    watch: (of, watchOptions = {}) => watchVariables(http, of, watchOptions),
    watchExecution: (id, controls) => watchExecution(http, id, controls),
  }
}

/**
 * A client for the variables of one task's execution, while the task is leased: what it writes is written by the task's
 * step. Its credential is the task's token, so that a worker needs no right to write.
 */
export function createTaskClient({ url }: Pick<ClientOptions, 'url'>, task: Pick<WorkerTask, 'token'>): TransientClient {
  return createClient({ url, key: task.token })
}
