import { parseExecutionId } from '../../core/ids.js'
import type { ExecutionError, ExecutionRecord } from '../../executions/record.js'
import { builder } from '../builder.js'
import { openPatientStream, openStream } from '../subscription.js'
import { ExecutionStatusEnum, FromEnum } from './enums.js'
import { checkedExecutionFilter, checkedVariableFilter, ExecutionFilterInput } from './filters.js'
import { NodeInterface } from './node.js'
import { connectionType, pageArguments, pageRequest } from './page.js'
import { PlaybookType } from './playbook.js'
import { VariableConnection, variableListArguments } from './variable.js'

export const ExecutionErrorType = builder.objectRef<ExecutionError>('ExecutionError').implement({
  fields: (t) => ({
    code: t.exposeString('code'),
    message: t.exposeString('message'),
    step: t.exposeString('step', { nullable: true }),
    attempt: t.exposeInt('attempt', { nullable: true }),
  }),
})

export const ExecutionType = builder.objectRef<ExecutionRecord>('Execution')
ExecutionType.implement({
  description: 'One run of one playbook version, or one created by a write (no playbook).',
  interfaces: [NodeInterface],
  fields: (t) => ({
    id: t.exposeID('id'),
    status: t.expose('status', { type: ExecutionStatusEnum }),
    playbook: t.field({
      type: PlaybookType,
      nullable: true,
      resolve: ({ playbookPath, playbookVersion }, _args, { services }) =>
        playbookPath === null ? null : services.catalog.find(playbookPath, playbookVersion),
    }),
    workload: t.expose('workload', { type: 'JSON', nullable: true }),
    revision: t.expose('revision', { type: 'Revision' }),
    error: t.expose('error', { type: ExecutionErrorType, nullable: true }),
    parent: t.field({
      type: ExecutionType,
      nullable: true,
      resolve: ({ parentId }, _args, { services }) => (parentId === null ? null : services.executions.find(parentId)),
    }),
    rerunOf: t.field({
      type: ExecutionType,
      nullable: true,
      description: 'The execution that this one is a rerun of.',
      resolve: ({ rerunOf }, _args, { services }) => (rerunOf === null ? null : services.executions.find(rerunOf)),
    }),
    currentSteps: t.stringList({
      description: 'The steps that run now; empty once it has ended.',
      resolve: (execution, _args, { services }) => services.executions.currentSteps(execution),
    }),
    stepCount: t.exposeInt('stepCount', { description: 'Visits of steps so far; iterations do not count.' }),
    variableCount: t.exposeInt('variableCount'),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true }),
    variables: t.field({
      type: VariableConnection,
      args: variableListArguments,
      resolve: ({ id }, { filter, ...page }, context, info) =>
        context.services.variables.list({
          ...pageRequest(page, context, info),
          executionId: id,
          filter: checkedVariableFilter(filter),
        }),
    }),
  }),
})

const ExecutionConnection = connectionType<ExecutionRecord>('Execution', ExecutionType)

builder.queryFields((t) => ({
  execution: t.field({
    type: ExecutionType,
    authScopes: { read: true },
    nullable: true,
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, { services }) => services.executions.find(parseExecutionId(id, 'id')),
  }),
  executions: t.field({
    type: ExecutionConnection,
    authScopes: { read: true },
    description: 'Newest first.',
    args: { ...pageArguments, filter: t.arg({ type: ExecutionFilterInput }) },
    resolve: (_root, { filter, ...page }, context, info) =>
      context.services.executions.list(checkedExecutionFilter(filter), pageRequest(page, context, info)),
  }),
}))

builder.subscriptionFields((t) => ({
  executionChanged: t.field({
    type: ExecutionType,
    authScopes: { read: true },
    description:
      'The current state first, then the newest after every event, coalesced for a slow reader. An unknown execution is waited for.',
    args: { id: t.arg.id({ required: true }) },
    subscribe: (_root, args, { services, position }) => {
      const id = parseExecutionId(args.id, 'id')
      return openPatientStream(
        (signal) => services.executions.watch(id, signal),
        ({ eventSeq }) => {
          if (position) position.event = { kind: 'changed', revision: eventSeq }
        },
      )
    },
    resolve: (execution) => execution,
  }),
  executionsChanged: t.field({
    type: ExecutionType,
    authScopes: { read: true },
    description: 'The same over all executions that match; from NOW: only those that change from now on.',
    args: {
      filter: t.arg({ type: ExecutionFilterInput }),
      from: t.arg({ type: FromEnum, defaultValue: 'current', description: 'CURRENT: the current states come first.' }),
    },
    subscribe: async (_root, { filter, from }, { services, signal: caller }) => {
      const checked = checkedExecutionFilter(filter)
      if (from === 'now') {
        const stream = await openStream(caller(), (signal) => services.executions.watchFromNow(checked, signal))
        // Its first item, which is there: from here on nothing is missed.
        await stream.next()
        return stream as AsyncGenerator<ExecutionRecord, void, undefined>
      }
      return openStream(caller(), (signal) => services.executions.watchAll(checked, signal))
    },
    resolve: (execution) => execution,
  }),
}))
