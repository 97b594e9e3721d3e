import type { ApiKeyRecord } from '../../keys/record.js'
import type { CreatedKey } from '../../keys/service.js'
import { builder } from '../builder.js'
import { PLAIN } from '../printer.js'
import { RoleEnum } from './me.js'

const ApiKeyType = builder.objectRef<ApiKeyRecord>('ApiKey').implement({
  description: 'A key that callers show; of its secret only a hash is kept.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The part of the key between `tr_` and the secret.' }),
    name: t.exposeString('name', {
      description: 'Whose it is. Two of a name may live at once, so that one can follow the other.',
    }),
    role: t.expose('role', { type: RoleEnum }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    createdBy: t.exposeString('createdBy'),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true }),
    revokedAt: t.expose('revokedAt', { type: 'DateTime', nullable: true }),
    lastUsedAt: t.expose('lastUsedAt', { type: 'DateTime', nullable: true, description: 'To the minute.' }),
  }),
})

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  fields: (t) => ({
    name: t.string({ required: true }),
    role: t.field({ type: RoleEnum, required: true, description: 'AUTHOR may register playbooks, which is running code here.' }),
    expiresAt: t.field({ type: 'DateTime' }),
  }),
})

const CreateApiKeyPayload = builder.objectRef<CreatedKey>('CreateApiKeyPayload').implement({
  fields: (t) => ({
    key: t.field({ type: ApiKeyType, resolve: ({ key }) => key }),
    secret: t.exposeString('secret', { description: 'The whole key, `tr_<id>_<secret>`. It is shown here and never again.' }),
    closesServer: t.exposeBoolean('isFirst', {
      extensions: PLAIN,
      description: 'true for the first credential: from now on every caller needs one, from wherever it calls.',
    }),
  }),
})

builder.queryField('apiKeys', (t) =>
  t.field({
    type: [ApiKeyType],
    authScopes: { keys: true },
    description: 'Every key, also those that were revoked. REST: GET /api/keys.',
    resolve: (_root, _args, { services }) => services.keys.list(),
  }),
)

builder.mutationFields((t) => ({
  createApiKey: t.field({
    type: CreateApiKeyPayload,
    authScopes: { keys: true },
    description: 'REST: POST /api/keys.',
    args: { input: t.arg({ type: CreateApiKeyInput, required: true }) },
    resolve: (_root, { input: { name, role, expiresAt } }, { services, actor }) =>
      services.keys.create({ name, role, expiresAt: expiresAt ?? null, actor }),
  }),
  revokeApiKey: t.field({
    type: ApiKeyType,
    authScopes: { keys: true },
    description: 'Ends it within seconds on every process, with all that is open under it. REST: DELETE /api/keys/{id}.',
    args: {
      id: t.arg.id({ required: true }),
      reopen: t.arg.boolean({
        defaultValue: false,
        description: 'The last key is refused without it: whoever reaches the server over loopback is admin then.',
      }),
    },
    resolve: (_root, { id, reopen }, { services, actor }) => services.keys.revoke({ id, actor, reopen: reopen === true }),
  }),
}))
