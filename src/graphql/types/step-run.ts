import type { IterationCounts, StepRunView, ToolRun, WaitState } from '../../executions/record.js'
import { builder } from '../builder.js'
import { PLAIN } from '../printer.js'
import { StepStatusEnum } from './enums.js'
import { ExecutionErrorType, ExecutionType } from './execution.js'
import { RoleEnum } from './me.js'
import { connectionType, pageArguments, pageRequest } from './page.js'

export const StepRunType = builder.objectRef<StepRunView>('StepRun')
const StepRunConnection = connectionType<StepRunView>('StepRun', StepRunType)

const ToolRunType = builder.objectRef<ToolRun>('ToolRun').implement({
  description: 'One tool of a list, in its latest turn: after a jump back it has run more than once.',
  fields: (t) => ({
    name: t.exposeString('name'),
    status: t.expose('status', { type: StepStatusEnum }),
    turns: t.exposeInt('turns', { description: 'How often it has run.' }),
    attempts: t.exposeInt('attempts', { description: 'Of its latest turn.' }),
    result: t.expose('result', { type: 'JSON', nullable: true }),
    error: t.expose('error', { type: ExecutionErrorType, nullable: true }),
    log: t.exposeString('log', { nullable: true }),
    startedAt: t.field({ type: 'DateTime', nullable: true, resolve: ({ startedAt }) => dateOf(startedAt) }),
    finishedAt: t.field({ type: 'DateTime', nullable: true, resolve: ({ finishedAt }) => dateOf(finishedAt) }),
  }),
})

function dateOf(text: string | null): Date | null {
  return text === null ? null : new Date(text)
}

const IterationCountsType = builder.objectRef<IterationCounts>('IterationCounts').implement({
  description: 'How iterations ended so far. What `fail_fast` or a cancellation stopped is in none but the total.',
  fields: (t) => ({
    total: t.exposeInt('total', { description: 'The elements of the list.' }),
    succeeded: t.exposeInt('succeeded'),
    failed: t.exposeInt('failed', {
      description: 'A step succeeds however many of its iterations fail, except with `fail_fast`.',
    }),
  }),
})

export const WaitStateType = builder.objectRef<WaitState>('WaitState').implement({
  description: 'What a step waits for: a condition, a time, or a person.',
  fields: (t) => ({
    until: t.exposeString('until', { nullable: true, description: 'The condition, as it is written; null for a time.' }),
    deadline: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it is over whatever the condition says; null: never.',
      resolve: ({ deadline }) => dateOf(deadline),
    }),
    title: t.string({
      nullable: true,
      description: 'What people are asked; null: nobody is.',
      resolve: ({ ask }) => ask?.title ?? null,
    }),
    roles: t.field({
      type: [RoleEnum],
      nullable: true,
      description: 'Who may answer: these roles, and those above them. null: everybody with the right ANSWER.',
      resolve: ({ ask }) => (ask && ask.roles.length > 0 ? ask.roles : null),
    }),
    names: t.stringList({
      nullable: true,
      description: 'The variables that an answer gives, in the order of the form; null: nobody is asked.',
      resolve: ({ ask }) => ask && [...ask.names],
    }),
    form: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The JSON Schema of the answer.',
      resolve: ({ ask }) => ask?.form ?? null,
    }),
  }),
})

StepRunType.implement({
  description: 'A visit of a step, or one iteration of it.',
  fields: (t) => ({
    id: t.id({ extensions: PLAIN, resolve: ({ executionId, run }) => `${executionId}-${run}` }),
    iteration: t.exposeInt('iteration', { nullable: true, description: 'Index from 0; null for a visit itself.' }),
    iterations: t.field({
      type: StepRunConnection,
      args: pageArguments,
      resolve: ({ executionId, run }, page, context, info) =>
        context.services.executions.iterations(executionId, run, pageRequest(page, context, info)),
    }),
    iterationCounts: t.expose('iterationCounts', {
      type: IterationCountsType,
      nullable: true,
      description: 'null for a step without a loop, for an iteration, and before the list is known.',
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
    tools: t.expose('tools', {
      type: [ToolRunType],
      description: 'Where the step has a list of tools: those that ran or run, in order. Empty without one.',
    }),
    wait: t.expose('wait', {
      type: WaitStateType,
      nullable: true,
      description: 'What it waits for, or waited for; null for a step that does not wait.',
    }),
    locals: t.expose('locals', {
      type: 'JSON',
      nullable: true,
      description: 'Values of its `let` by their names; null for a step without one, and before they are evaluated.',
    }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true }),
  }),
})

builder.objectField(ExecutionType, 'steps', (t) =>
  t.field({
    type: StepRunConnection,
    description: 'Every visit of every step, in order; iterations beneath it.',
    args: pageArguments,
    resolve: ({ id }, page, context, info) => context.services.executions.steps(id, pageRequest(page, context, info)),
  }),
)

builder.objectField(ExecutionType, 'iterationCounts', (t) =>
  t.field({
    type: IterationCountsType,
    nullable: true,
    description: 'The iterations of all its loops so far; null where no loop began.',
    resolve: ({ id }, _args, { services }) => services.executions.iterationCounts(id),
  }),
)
