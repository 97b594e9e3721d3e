import { parseExecutionId } from '../../core/ids.js'
import type { WatchEvent } from '../../variables/service.js'
import { builder } from '../builder.js'
import { openStream } from '../subscription.js'
import { VariableTypeEnum, WatchEventKindEnum } from './enums.js'
import { VariableChangeType } from './variable.js'

const VariableChangedEvent = builder.objectRef<WatchEvent>('VariableChangedEvent').implement({
  fields: (t) => ({
    kind: t.expose('kind', { type: WatchEventKindEnum }),
    executionId: t.exposeID('executionId'),
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
    authScopes: { read_variables: true },
    description:
      'Every change, in order, exactly once. Without afterRevision: from now. 0: from the first revision (REVISION_GONE once that was trimmed).',
    args: {
      executionId: t.arg.id({ required: true }),
      names: t.arg.stringList(),
      types: t.arg({ type: [VariableTypeEnum] }),
      afterRevision: t.arg({ type: 'Revision' }),
    },
    subscribe: (_root, { executionId, ...request }, { services, signal: caller, position }) => {
      const id = parseExecutionId(executionId)
      const afterRevision = position?.after ?? request.afterRevision
      return openStream(
        caller(),
        (signal) => services.variables.watch({ ...request, afterRevision, executionId: id, signal }),
        (event) => {
          if (position) position.event = event
        },
      )
    },
    resolve: (event) => event,
  }),
)
