import { type Principal, RIGHTS, ROLES } from '../../core/principal.js'
import { builder } from '../builder.js'
import { lowerCaseEnum } from './enums.js'

export const RoleEnum = lowerCaseEnum('Role', ROLES)
const RightEnum = lowerCaseEnum('Right', RIGHTS)

const CallerType = builder.objectRef<Principal>('Caller').implement({
  description: 'Who calls, and what that caller may do.',
  fields: (t) => ({
    name: t.exposeString('name'),
    actor: t.exposeString('actor', { description: 'What change log and audit call it.' }),
    role: t.expose('role', { type: RoleEnum }),
    rights: t.field({ type: [RightEnum], resolve: ({ rights }) => [...rights] }),
    executionIds: t.field({
      type: ['ID'],
      nullable: true,
      description: 'The only executions that exist for this caller; null: all.',
      resolve: ({ executions }) => (executions === null ? null : [...executions]),
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true, description: 'When the credential ends.' }),
  }),
})

builder.queryField('me', (t) =>
  t.field({
    type: CallerType,
    authScopes: { known: true },
    description: 'Who I am here, and what I may do.',
    resolve: (_root, _args, { session }) => session.principal,
  }),
)
