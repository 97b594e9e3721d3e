import type { ChangeRecord, VariableRecord, WriteRequest, WriteResult } from '../../commit/record.js'
import type { Page, PageRequest } from '../../core/cursor.js'
import type { ExecutionId } from '../../core/ids.js'
import { checkSpaceName, isSpaceId, spaceIdOf } from '../../core/space.js'
import type { Database } from '../../db/database.js'
import type { HistoryRequest, ListRequest, PollRequest, VariablesService, WatchEvent, WatchRequest } from '../service.js'
import { findSpace, pageSpaces, type SpaceRecord } from './space-store.js'

/** A request about the variables of a space, by its name. */
export type OfSpace<Request> = Omit<Request, 'executionId' | 'space'> & { readonly space: string }

/**
 * Global variables: what `VariablesService` does, for a space in the place of an execution. It is a service of its own, as other rights are needed.
 * A space that nothing was written to reads as empty. Every method throws TransientError VALIDATION for a name that no space can have.
 */
export interface GlobalsService {
  /** All spaces by their names. */
  spaces(page: PageRequest): Promise<Page<SpaceRecord>>
  /** null where nothing was ever written to it. */
  space(name: string): Promise<SpaceRecord | null>
  /** As `space`, by its id. */
  spaceById(id: ExecutionId): Promise<SpaceRecord | null>
  read(space: string, name: string): Promise<VariableRecord | null>
  find(space: string, name: string, revision?: number): Promise<VariableRecord | null>
  /** As `find`, by the space's id. */
  findById(id: ExecutionId, name: string, revision?: number): Promise<VariableRecord | null>
  reveal(space: string, name: string): Promise<VariableRecord | null>
  all(space: string, signal?: AbortSignal): Promise<{ readonly revision: number; readonly variables: readonly VariableRecord[] }>
  list(request: OfSpace<ListRequest>): Promise<Page<VariableRecord> & { readonly revision: number }>
  history(request: OfSpace<HistoryRequest>): Promise<Page<ChangeRecord>>
  /** The first write makes a space. */
  write(request: OfSpace<WriteRequest>): Promise<WriteResult>
  deleteAll(space: string, actor: string): Promise<{ readonly revision: number; readonly deletedCount: number }>
  watch(request: OfSpace<WatchRequest>): AsyncGenerator<WatchEvent, void, undefined>
  poll(request: OfSpace<PollRequest>): Promise<{ readonly revision: number; readonly changes: readonly ChangeRecord[] }>
}

interface GlobalsOptions {
  readonly db: Database
  readonly variables: VariablesService
}

/** Global variables over the service that knows executions' variables: a space's are the same rows, under an id made of its name. */
export function createGlobalsService({ db, variables }: GlobalsOptions): GlobalsService {
  const idOf = (space: string) => spaceIdOf(checkSpaceName(space))
  const withId = <Request extends { readonly space: string }>({ space, ...request }: Request) => ({
    ...request,
    executionId: idOf(space),
  })
  return {
    spaces: async (page) => pageSpaces(db.reading(page.signal), page),
    space: async (name) => findSpace(db, idOf(name)),
    spaceById: async (id) => findSpace(db, id),
    read: async (space, name) => variables.read(idOf(space), name),
    find: async (space, name, revision) => variables.find(idOf(space), name, revision),
    findById: async (id, name, revision) => (isSpaceId(id) ? variables.find(id, name, revision) : null),
    reveal: async (space, name) => variables.reveal(idOf(space), name),
    all: async (space, signal) => variables.all(idOf(space), signal),
    list: async (request) => variables.list(withId(request)),
    history: async (request) => variables.history(withId(request)),
    write: async (request) => variables.write({ ...withId(request), space: request.space }),
    deleteAll: async (space, actor) => variables.deleteAll(idOf(space), actor),
    watch: (request) => variables.watch(withId(request)),
    poll: async (request) => variables.poll(withId(request)),
  }
}
