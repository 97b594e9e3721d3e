import type { Rotation } from '../../rotation/service.js'
import { builder } from '../builder.js'
import { PLAIN } from '../printer.js'

const RotateEncryptionPayload = builder.objectRef<Rotation>('RotateEncryptionPayload').implement({
  fields: (t) => ({
    keyId: t.exposeString('keyId', { description: 'The key that everything is being sealed with.' }),
    rotated: t.exposeInt('rotated', { description: 'Rows that this call re-encrypted.' }),
    done: t.exposeBoolean('isDone', { extensions: PLAIN, description: 'false: call again.' }),
    lostKeys: t.exposeStringList('lostKeys', {
      description: 'Keys that something is still sealed with, and that this server does not have.',
    }),
  }),
})

builder.mutationField('rotateEncryption', (t) =>
  t.field({
    type: RotateEncryptionPayload,
    authScopes: { keys: true },
    description: 'Re-encrypts a part of what is encrypted with older keys with the newest one, while writes go on.',
    args: {
      to: t.arg.string({ description: 'Refused unless this is the first key of ENCRYPTION_KEYS.' }),
      limit: t.arg.int({ description: 'Rows at most: 1 to 10,000, 1,000 by default.' }),
    },
    resolve: (_root, request, { services }) => services.rotation.rotate(request),
  }),
)
