import type { Context, Hono } from 'hono'
import { type ScheduleResponse, scheduleRequest } from '../../contract/schedules.js'
import { TransientError } from '../../core/errors.js'
import type { JsonObject } from '../../core/json.js'
import type { Firing, ScheduleRecord } from '../../schedules/record.js'
import { readJson } from '../body.js'
import { jsonResponse, type RestEnv, servicesOf } from '../context.js'
import { refuseOtherMethods } from '../problem.js'
import { wholeNumber } from '../query.js'

const SCHEDULES_PATH = '/api/schedules'
const SCHEDULE_PATH = '/api/schedules/:name'
const UPCOMING = 5

const nameOf = (context: Context): string => context.req.param('name') ?? ''

/** What starts executions by the clock. */
export function addSchedulesRoutes(app: Hono<RestEnv>): void {
  const serviceOf = (context: Context<RestEnv>) => servicesOf(context).schedules
  const answer = async (context: Context<RestEnv>, schedule: ScheduleRecord) =>
    jsonResponse(scheduleBody(schedule, await serviceOf(context).lastFiring(schedule.id)) as JsonObject)
  const found = async (context: Context<RestEnv>): Promise<ScheduleRecord> => {
    const schedule = await serviceOf(context).find(nameOf(context))
    if (schedule === null)
      throw new TransientError('NOT_FOUND', `there is no schedule ${JSON.stringify(nameOf(context).slice(0, 60))}`)
    return schedule
  }

  app.get(SCHEDULES_PATH, async (context) => {
    const after = context.req.query('after') ?? null
    const first = wholeNumber(context.req.query('first'), 'first')
    const page = await serviceOf(context).list({ first, after, isCounted: false, signal: context.req.raw.signal })
    const schedules = await Promise.all(
      page.items.map(async (schedule) => scheduleBody(schedule, await serviceOf(context).lastFiring(schedule.id)) as JsonObject),
    )
    return jsonResponse({ schedules, next: page.hasNextPage ? page.cursorAt(-1) : null })
  })
  refuseOtherMethods(app, SCHEDULES_PATH, ['GET'])

  app.get(SCHEDULE_PATH, async (context) => answer(context, await found(context)))
  app.put(SCHEDULE_PATH, async (context) => {
    const {
      every_seconds: everySeconds,
      time_zone: timeZone,
      is_paused: isPaused,
      ...given
    } = await readJson(context, scheduleRequest)
    return answer(context, await serviceOf(context).set({ ...given, name: nameOf(context), everySeconds, timeZone, isPaused }))
  })
  app.delete(SCHEDULE_PATH, async (context) =>
    jsonResponse({ name: nameOf(context), deleted: (await serviceOf(context).remove(nameOf(context))) !== null }),
  )
  refuseOtherMethods(app, SCHEDULE_PATH, ['GET', 'PUT', 'DELETE'])

  for (const verb of ['pause', 'resume'] as const) {
    app.post(`${SCHEDULE_PATH}/${verb}`, async (context) => answer(context, await serviceOf(context)[verb](nameOf(context))))
    refuseOtherMethods(app, `${SCHEDULE_PATH}/${verb}`, ['POST'])
  }
  app.get(`${SCHEDULE_PATH}/next`, async (context) => {
    const count = wholeNumber(context.req.query('count'), 'count') ?? UPCOMING
    const upcoming = await serviceOf(context).upcoming(await found(context), count)
    return jsonResponse({ upcoming: upcoming.map((at) => at.toISOString()) })
  })
  refuseOtherMethods(app, `${SCHEDULE_PATH}/next`, ['GET'])
}

function scheduleBody(schedule: ScheduleRecord, last: Firing | null): ScheduleResponse {
  const { id, name, path, version, cron, workload, missed, overlap, isPaused, reason, nextAt } = schedule
  return {
    ...{ id, name, path, version, cron, every_seconds: schedule.everySeconds, time_zone: schedule.timeZone },
    ...{ workload, missed, overlap, is_paused: isPaused, reason },
    next_at: isPaused ? null : nextAt.toISOString(),
    last_at: last?.instant.toISOString() ?? null,
    last_execution_id: last?.executionId ?? null,
  }
}
