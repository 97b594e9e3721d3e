import { TransientError } from '../../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { MISSED, OVERLAPS, type ScheduleInput, type ScheduleRecord } from '../../schedules/record.js'
import { builder } from '../builder.js'
import { PLAIN } from '../printer.js'
import { lowerCaseEnum } from './enums.js'
import { ExecutionType } from './execution.js'
import { connectionType, pageArguments, pageRequest } from './page.js'

const MissedEnum = lowerCaseEnum('Missed', MISSED)
const OverlapEnum = lowerCaseEnum('Overlap', OVERLAPS)

const ScheduleType = builder.objectRef<ScheduleRecord>('Schedule').implement({
  description: 'What starts executions by the clock.',
  fields: (t) => ({
    id: t.exposeID('id'),
    name: t.exposeString('name'),
    path: t.exposeString('path'),
    version: t.exposeInt('version', { nullable: true, description: 'null: the latest.' }),
    cron: t.exposeString('cron', { nullable: true }),
    everySeconds: t.exposeInt('everySeconds', { nullable: true }),
    timeZone: t.exposeString('timeZone'),
    workload: t.expose('workload', { type: 'JSON', nullable: true, description: 'What each execution is given.' }),
    missed: t.expose('missed', { type: MissedEnum, description: 'What becomes of instants that nobody was there for.' }),
    overlap: t.expose('overlap', {
      type: OverlapEnum,
      description: 'What becomes of an instant while an execution of this schedule still runs.',
    }),
    isPaused: t.exposeBoolean('isPaused'),
    reason: t.exposeString('reason', { nullable: true, description: 'Why it was paused, where nobody did it by hand.' }),
    nextAt: t.field({
      type: 'DateTime',
      nullable: true,
      extensions: PLAIN,
      resolve: ({ isPaused, nextAt }) => (isPaused ? null : nextAt),
    }),
    lastAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The last instant that started something.',
      resolve: async ({ id }, _args, { services }) => (await services.schedules.lastFiring(id))?.instant ?? null,
    }),
    lastExecution: t.field({
      type: ExecutionType,
      nullable: true,
      resolve: async ({ id }, _args, { services }) => {
        const firing = await services.schedules.lastFiring(id)
        return firing && services.executions.find(firing.executionId)
      },
    }),
    upcoming: t.field({
      type: ['DateTime'],
      description: 'The next instants, 400 at most, as if it were not paused.',
      args: { count: t.arg.int({ defaultValue: 5 }) },
      resolve: (schedule, { count }, { services }) => services.schedules.upcoming(schedule, count ?? 5),
    }),
  }),
})
const ScheduleConnection = connectionType<ScheduleRecord>('Schedule', ScheduleType)

const ScheduleInputType = builder.inputType('ScheduleInput', {
  description: 'Exactly one of `cron` and `everySeconds` is given.',
  fields: (t) => ({
    name: t.string({ required: true }),
    path: t.string({ required: true }),
    version: t.int({ description: 'By default the latest at that time.' }),
    cron: t.string({ description: 'Five fields, or @hourly and the like.' }),
    everySeconds: t.int(),
    timeZone: t.string({ defaultValue: 'UTC' }),
    workload: t.field({ type: 'JSON' }),
    missed: t.field({ type: MissedEnum, defaultValue: 'last' }),
    overlap: t.field({ type: OverlapEnum, defaultValue: 'allow' }),
    isPaused: t.boolean({ defaultValue: false }),
  }),
})

/** @throws TransientError VALIDATION when the workload is no object */
function inputOf({ workload, ...input }: typeof ScheduleInputType.$inferInput): ScheduleInput {
  return { ...input, workload: workloadOf(workload) }
}

function workloadOf(workload: JsonValue | undefined): JsonObject | null {
  if (workload === undefined || workload === null) return null
  if (isJsonObject(workload)) return workload
  throw new TransientError('VALIDATION', 'input.workload: not a JSON object', { details: { field: 'input.workload' } })
}

builder.queryField('schedules', (t) =>
  t.field({
    type: ScheduleConnection,
    authScopes: { schedules: true },
    description: 'By name. REST: GET /api/schedules.',
    args: pageArguments,
    resolve: (_root, page, context, info) => context.services.schedules.list(pageRequest(page, context, info)),
  }),
)

builder.queryField('schedule', (t) =>
  t.field({
    type: ScheduleType,
    nullable: true,
    authScopes: { schedules: true },
    description: 'REST: GET /api/schedules/{name}.',
    args: { name: t.arg.string({ required: true }) },
    resolve: (_root, { name }, { services }) => services.schedules.find(name),
  }),
)

builder.mutationFields((t) => ({
  setSchedule: t.field({
    type: ScheduleType,
    authScopes: { schedules: true },
    description: 'Makes a schedule, or replaces the one of that name. REST: PUT /api/schedules/{name}.',
    args: { input: t.arg({ type: ScheduleInputType, required: true }) },
    resolve: (_root, { input }, { services }) => services.schedules.set(inputOf(input)),
  }),
  pauseSchedule: t.field({
    type: ScheduleType,
    authScopes: { schedules: true },
    args: { name: t.arg.string({ required: true }) },
    resolve: (_root, { name }, { services }) => services.schedules.pause(name),
  }),
  resumeSchedule: t.field({
    type: ScheduleType,
    authScopes: { schedules: true },
    description: 'What came meanwhile is dealt with as `missed` says.',
    args: { name: t.arg.string({ required: true }) },
    resolve: (_root, { name }, { services }) => services.schedules.resume(name),
  }),
  deleteSchedule: t.field({
    type: 'Boolean',
    authScopes: { schedules: true },
    description: 'false where there is none of that name. What it has started goes on.',
    args: { name: t.arg.string({ required: true }) },
    resolve: async (_root, { name }, { services }) => (await services.schedules.remove(name)) !== null,
  }),
}))
