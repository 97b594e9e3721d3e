import type { EventRecord } from '../../executions/record.js'
import { builder } from '../builder.js'
import { ExecutionType } from './execution.js'
import { connectionType, pageArguments, pageRequest } from './page.js'
import { StepRunType } from './step-run.js'

const EventType = builder.objectRef<EventRecord>('ExecutionEvent').implement({
  description: 'An immutable fact, in the past tense.',
  fields: (t) => ({
    name: t.exposeString('name', { description: '`step.completed`, `step.retried`, `execution.failed` …' }),
    revision: t.expose('revision', { type: 'Revision', description: "The execution's revision after it." }),
    step: t.exposeString('step', { nullable: true }),
    run: t.exposeInt('run', {
      nullable: true,
      description: "Counts the visits and iterations of the execution: the end of a StepRun's id.",
    }),
    attempt: t.exposeInt('attempt', { nullable: true }),
    data: t.field({
      type: 'JSON',
      nullable: true,
      description:
        'What there is to say: `error`, `delay_ms`, `routes` (each `when` with its outcome), `skipped_vars`, `iterations` of a loop, and of a list `tool`, what its rule does (`do`) and where a jump leads (`to`).',
      resolve: ({ data }) => data,
    }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime' }),
  }),
})

const EventConnection = connectionType<EventRecord>('ExecutionEvent', EventType)

builder.objectField(ExecutionType, 'events', (t) =>
  t.field({
    type: EventConnection,
    description: 'What happened, oldest first.',
    args: pageArguments,
    resolve: ({ id }, page, context, info) => context.services.executions.events(id, null, pageRequest(page, context, info)),
  }),
)

builder.objectField(StepRunType, 'events', (t) =>
  t.field({
    type: EventConnection,
    description: 'What happened to it: attempts, retries, and why it led where it did.',
    args: pageArguments,
    resolve: ({ executionId, run }, page, context, info) =>
      context.services.executions.events(executionId, run, pageRequest(page, context, info)),
  }),
)
