import type { WatchEvent } from '../../variables/service.js'
import { streamOf } from '../../variables/stream.js'
import { builder } from '../builder.js'
import { openStream } from '../subscription.js'
import { VariableTypeEnum, WatchEventKindEnum } from './enums.js'
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
