import { checkListed } from '../../core/filter.js'
import { parseExecutionId } from '../../core/ids.js'
import { linkSignals } from '../../core/linked-signal.js'
import type { WatchEvent } from '../../variables/service.js'
import { streamOf } from '../../variables/stream.js'
import { watchMatches } from '../../variables/until.js'
import { builder } from '../builder.js'
import { openPatientStream, openStream } from '../subscription.js'
import { VariableTypeEnum, WatchEventKindEnum } from './enums.js'
import { checkedVariableFilter, VariableFilterInput } from './filters.js'
import { mayRead, streamArguments } from './stream.js'
import { VariableChangeType } from './variable.js'

const VariableChangedEvent = builder.objectRef<WatchEvent>('VariableChangedEvent').implement({
  fields: (t) => ({
    kind: t.expose('kind', { type: WatchEventKindEnum }),
    executionId: t.exposeID('executionId', { description: 'Of a space its id, which is below zero.' }),
    revision: t.expose('revision', { type: 'Revision' }),
    changes: t.field({
      type: [VariableChangeType],
      description: 'All changes of this revision, together; empty unless CHANGED.',
      resolve: (event) => [...event.changes],
    }),
  }),
})

builder.subscriptionField('variableChanged', (t) =>
  t.field({
    type: VariableChangedEvent,
    authScopes: mayRead,
    description:
      'Every change, in order, exactly once. Without afterRevision: from now. 0: from the first revision (REVISION_GONE once that was trimmed).',
    args: {
      ...streamArguments,
      names: t.arg.stringList(),
      types: t.arg({ type: [VariableTypeEnum] }),
      afterRevision: t.arg({ type: 'Revision' }),
    },
    subscribe: (_root, { executionId, space, ...request }, { services, signal: caller, position }) => {
      const stream = streamOf(services, { executionId, space })
      const afterRevision = position?.after ?? request.afterRevision
      return openStream(
        caller(),
        (signal) => stream.watch({ ...request, afterRevision, signal }),
        (event) => {
          if (position) position.event = event
        },
      )
    },
    resolve: (event) => event,
  }),
)

/** As many as a filter of executions may have. */
const MAX_FILTERS = 20

const EdgeEnum = builder.enumType('Edge', {
  values: {
    LEVEL: { value: 'level', description: 'Each changed revision at which it holds.' },
    RISING: { value: 'rising', description: 'Each revision at which it becomes true.' },
  } as const,
})

const VariableMatchedEvent = builder
  .objectRef<{ readonly executionId: string; readonly revision: number }>('VariableMatchedEvent')
  .implement({
    fields: (t) => ({
      executionId: t.exposeID('executionId'),
      revision: t.expose('revision', { type: 'Revision' }),
    }),
  })

builder.subscriptionField('variableMatched', (t) =>
  t.field({
    type: VariableMatchedEvent,
    authScopes: { read_variables: true },
    description:
      'Revisions at which the execution has a variable for each of these filters. Every revision is tested, also the state that it begins with: at afterRevision, or now.',
    args: {
      executionId: t.arg.id({ required: true }),
      where: t.arg({ type: [VariableFilterInput], required: true }),
      afterRevision: t.arg({ type: 'Revision' }),
      edge: t.arg({ type: EdgeEnum, defaultValue: 'rising' }),
    },
    subscribe: (_root, { executionId, where, afterRevision, edge }, { services, signal: caller }) => {
      checkListed(where, 'where', MAX_FILTERS)
      const filters = where.map((filter, index) => checkedVariableFilter(filter, `where[${index}]`))
      const request = { executionId: parseExecutionId(executionId), where: filters, afterRevision: afterRevision ?? null }
      return openPatientStream((signal) => {
        const { signal: either } = linkSignals([signal, caller()])
        return watchMatches(services.variables, { ...request, edge: edge ?? 'rising', signal: either })
      })
    },
    resolve: (event) => event,
  }),
)
