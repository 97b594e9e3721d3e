import type { AuditEntry } from '../../audit/record.js'
import { encodeCursor } from '../../core/cursor.js'
import { parseExecutionId } from '../../core/ids.js'
import { builder } from '../builder.js'
import { PLAIN } from '../printer.js'
import { connectionType, pageArguments } from './page.js'

const AuditEntryType = builder.objectRef<AuditEntry>('AuditEntry').implement({
  description: 'Who did what.',
  fields: (t) => ({
    // Executions are numbers, too.
    id: t.id({ extensions: PLAIN, resolve: ({ seq }) => encodeCursor(['AuditEntry', seq]) }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime' }),
    actor: t.exposeString('actor'),
    keyId: t.exposeString('keyId', { nullable: true, description: 'The API key that was presented.' }),
    action: t.exposeString('action', { description: 'execution.started, variables.written, key.revoked, …: docs/security.md.' }),
    executionId: t.exposeID('executionId', { nullable: true }),
    subject: t.exposeString('subject', { nullable: true, description: 'What else it was about: a playbook, a key, a variable.' }),
    count: t.exposeInt('count', { description: 'How many variables were written or deleted, closely one after another.' }),
  }),
})

const AuditFilterInput = builder.inputType('AuditFilter', {
  description: 'All that is given must hold.',
  fields: (t) => ({
    executionId: t.id(),
    actor: t.string(),
    action: t.string(),
    since: t.field({ type: 'DateTime' }),
    until: t.field({ type: 'DateTime', description: 'Not included.' }),
  }),
})

const AuditConnection = connectionType<AuditEntry>('AuditEntry', AuditEntryType)

builder.queryField('audit', (t) =>
  t.field({
    type: AuditConnection,
    authScopes: { audit: true },
    description: 'Newest first. REST: GET /api/audit.',
    args: { ...pageArguments, filter: t.arg({ type: AuditFilterInput }) },
    resolve: (_root, { filter, ...page }, { services, signal }) => {
      if (filter?.executionId != null) parseExecutionId(filter.executionId, 'filter.executionId')
      return services.audit.list({ ...filter, ...page, signal: signal() })
    },
  }),
)
