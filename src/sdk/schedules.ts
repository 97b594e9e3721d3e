import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { TransientError } from '../core/errors.js'
import {
  DeleteScheduleDocument,
  FindScheduleDocument,
  ListSchedulesDocument,
  type ListSchedulesQuery,
  PauseScheduleDocument,
  ResumeScheduleDocument,
  type ScheduleFieldsFragment,
  type ScheduleInput,
  SetScheduleDocument,
  UpcomingOfScheduleDocument,
} from './generated/graphql.js'
import type { Variables } from './graphql.js'

const PAGE = 250

/** What starts executions by the clock. */
export interface ScheduleCalls {
  /** Every schedule by name, over as many pages as it takes. */
  list(): Promise<readonly ScheduleFieldsFragment[]>
  find(name: string): Promise<ScheduleFieldsFragment | null>
  /** Makes one, or replaces the one of that name. @throws TransientError VALIDATION; NOT_FOUND for a playbook that is not there */
  set(input: ScheduleInput): Promise<ScheduleFieldsFragment>
  /** Nothing is started any more. @throws TransientError NOT_FOUND */
  pause(name: string): Promise<ScheduleFieldsFragment>
  /** What came meanwhile is dealt with as `missed` says. @throws TransientError NOT_FOUND */
  resume(name: string): Promise<ScheduleFieldsFragment>
  /** false where there is none. What it has started goes on. */
  delete(name: string): Promise<boolean>
  /** The next instants in ISO 8601: 5, or so many up to 400. @throws TransientError NOT_FOUND, VALIDATION */
  next(name: string, count?: number): Promise<readonly string[]>
}

type Request = <Result, Input extends Variables>(document: TypedDocumentNode<Result, Input>, variables: Input) => Promise<Result>

/** The calls over those of a client. */
export function createScheduleCalls(request: Request): ScheduleCalls {
  return {
    async list() {
      const found: ScheduleFieldsFragment[] = []
      for (let after: string | null = null; ; ) {
        const { schedules }: ListSchedulesQuery = await request(ListSchedulesDocument, { first: PAGE, after })
        found.push(...schedules.nodes)
        after = schedules.pageInfo.endCursor
        if (!schedules.pageInfo.hasNextPage) return found
      }
    },
    find: async (name) => (await request(FindScheduleDocument, { name })).schedule,
    set: async (input) => (await request(SetScheduleDocument, { input })).setSchedule,
    pause: async (name) => (await request(PauseScheduleDocument, { name })).pauseSchedule,
    resume: async (name) => (await request(ResumeScheduleDocument, { name })).resumeSchedule,
    delete: async (name) => (await request(DeleteScheduleDocument, { name })).deleteSchedule,
    async next(name, count) {
      const { schedule } = await request(UpcomingOfScheduleDocument, { name, ...(count === undefined ? {} : { count }) })
      if (schedule === null) throw new TransientError('NOT_FOUND', `there is no schedule ${JSON.stringify(name.slice(0, 60))}`)
      return schedule.upcoming
    },
  }
}
