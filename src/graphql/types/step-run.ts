import type { StepRunRecord } from '../../executions/record.js'
import { builder } from '../builder.js'
import { PLAIN } from '../printer.js'
import { StepStatusEnum } from './enums.js'
import { ExecutionErrorType, ExecutionType } from './execution.js'
import { connectionType, pageArguments, pageRequest } from './page.js'

export const StepRunType = builder.objectRef<StepRunRecord>('StepRun')
const StepRunConnection = connectionType<StepRunRecord>('StepRun', StepRunType)

StepRunType.implement({
  description: 'A visit of a step, or one iteration of it.',
  fields: (t) => ({
    id: t.id({ extensions: PLAIN, resolve: ({ executionId, run }) => `${executionId}-${run}` }),
    iteration: t.exposeInt('iteration', { nullable: true, description: 'Index from 0; null for a visit itself.' }),
    iterations: t.field({
      type: StepRunConnection,
      args: pageArguments,
      resolve: ({ executionId, run }, page, { services }, info) =>
        services.executions.iterations(executionId, run, pageRequest(page, info)),
    }),
    step: t.exposeString('step'),
    visit: t.exposeInt('visit'),
    status: t.expose('status', { type: StepStatusEnum }),
    attempts: t.exposeInt('attempts'),
    isSensitive: t.exposeBoolean('isSensitive', {
      description:
        'What it was given or gave is sensitive: result, error and log are encrypted, and the mask "********" stands here.',
    }),
    result: t.expose('result', { type: 'JSON', nullable: true }),
    error: t.expose('error', { type: ExecutionErrorType, nullable: true }),
    log: t.exposeString('log', { nullable: true }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true }),
  }),
})

builder.objectField(ExecutionType, 'steps', (t) =>
  t.field({
    type: StepRunConnection,
    description: 'Every visit of every step, in order; iterations beneath it.',
    args: pageArguments,
    resolve: ({ id }, page, { services }, info) => services.executions.steps(id, pageRequest(page, info)),
  }),
)
