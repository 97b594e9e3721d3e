import type { ChangeRecord, VariableRecord, VariableWrite, WriteResult } from '../commit/record.js'
import type { Page } from '../core/cursor.js'
import { TransientError } from '../core/errors.js'
import { parseExecutionId } from '../core/ids.js'
import { checkSpaceName } from '../core/space.js'
import type { HistoryRequest, ListRequest, PollRequest, VariablesService, WatchEvent, WatchRequest } from './service.js'
import type { GlobalsService } from './spaces/globals.js'

/** The variables of one execution, or of one space: what an API's caller addresses, once it has said which. */
export interface VariableStream {
  /** `execution 5`, `space "billing/prod"`, for messages. */
  readonly title: string
  /** null: it is an execution. */
  readonly space: string | null
  /** The space's name or the execution's id. */
  readonly key: string
  read(name: string): Promise<VariableRecord | null>
  find(name: string): Promise<VariableRecord | null>
  reveal(name: string): Promise<VariableRecord | null>
  all(signal: AbortSignal): Promise<{ readonly revision: number; readonly variables: readonly VariableRecord[] }>
  list(request: Omit<ListRequest, 'executionId'>): Promise<Page<VariableRecord> & { readonly revision: number }>
  history(request: Omit<HistoryRequest, 'executionId'>): Promise<Page<ChangeRecord>>
  write(writes: readonly VariableWrite[], actor: string): Promise<WriteResult>
  deleteAll(actor: string): Promise<{ readonly revision: number; readonly deletedCount: number }>
  watch(request: Omit<WatchRequest, 'executionId'>): AsyncGenerator<WatchEvent, void, undefined>
  poll(
    request: Omit<PollRequest, 'executionId'>,
  ): Promise<{ readonly revision: number; readonly changes: readonly ChangeRecord[] }>
}

interface StreamServices {
  readonly variables: VariablesService
  readonly globals: GlobalsService
}

/** Which stream is meant: by one of the two. */
export interface StreamKey {
  readonly executionId?: string | null | undefined
  readonly space?: string | null | undefined
}

/**
 * The stream that an execution's id or a space's name stands for. `field`: what the message names, and what comes before the two names in it.
 * @throws TransientError BAD_REQUEST for neither, VALIDATION for both, or where it is no id or name
 */
export function streamOf({ variables, globals }: StreamServices, key: StreamKey, field = ''): VariableStream {
  const { executionId, space } = key
  if (space == null && executionId != null) return executionStream(variables, executionId)
  if (space != null && executionId == null) return spaceStream(globals, checkSpaceName(space, `${field}space`))
  const [code, given] =
    space == null ? (['BAD_REQUEST', 'neither is given'] as const) : (['VALIDATION', 'both are given'] as const)
  throw new TransientError(code, `${field}executionId: give it, or space for global variables; ${given}`, {
    details: { field: `${field}executionId` },
  })
}

/** @throws TransientError VALIDATION where it is no id */
export function executionStream(variables: VariablesService, id: string, field?: string): VariableStream {
  const executionId = parseExecutionId(id, field)
  return {
    title: `execution ${executionId}`,
    space: null,
    key: executionId,
    read: (name) => variables.read(executionId, name),
    find: (name) => variables.find(executionId, name),
    reveal: (name) => variables.reveal(executionId, name),
    all: (signal) => variables.all(executionId, signal),
    list: (request) => variables.list({ ...request, executionId }),
    history: (request) => variables.history({ ...request, executionId }),
    write: (writes, actor) => variables.write({ executionId, writes, actor }),
    deleteAll: (actor) => variables.deleteAll(executionId, actor),
    watch: (request) => variables.watch({ ...request, executionId }),
    poll: (request) => variables.poll({ ...request, executionId }),
  }
}

export function spaceStream(globals: GlobalsService, space: string): VariableStream {
  return {
    title: `space "${space}"`,
    space,
    key: space,
    read: (name) => globals.read(space, name),
    find: (name) => globals.find(space, name),
    reveal: (name) => globals.reveal(space, name),
    all: (signal) => globals.all(space, signal),
    list: (request) => globals.list({ ...request, space }),
    history: (request) => globals.history({ ...request, space }),
    write: (writes, actor) => globals.write({ space, writes, actor }),
    deleteAll: (actor) => globals.deleteAll(space, actor),
    watch: (request) => globals.watch({ ...request, space }),
    poll: (request) => globals.poll({ ...request, space }),
  }
}
