import SchemaBuilder from '@pothos/core'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import { TransientError } from '../core/errors.js'
import type { JsonValue, LosslessNumber } from '../core/json.js'
import { RIGHTS, type Right } from '../core/principal.js'
import { publicNameOf } from './printer.js'
import type { GraphQLContext } from './request.js'
import { RIGHTS_PLUGIN } from './rights-plugin.js'

export interface SchemaTypes {
  Context: GraphQLContext
  DefaultFieldNullability: false
  /** The rights of the caller; `known`: every caller whose credential is good. */
  AuthScopes: Record<Right | 'known', boolean>
  Scalars: {
    DateTime: { Input: Date; Output: Date }
    // A decimal that a JavaScript number would round arrives with its digits (scalars.ts).
    Float: { Input: number | LosslessNumber; Output: number }
    ID: { Input: string; Output: string }
    JSON: { Input: JsonValue; Output: JsonValue }
    Revision: { Input: number; Output: number }
  }
}

/**
 * The one Pothos builder; files in types/ add to it. The services check every call (src/access): `authScopes` of the
 * root fields are the second net.
 */
export const builder = new SchemaBuilder<SchemaTypes>({
  defaultFieldNullability: false,
  plugins: [ScopeAuthPlugin, RIGHTS_PLUGIN],
  scopeAuth: {
    authorizeOnSubscribe: true,
    authScopes: ({ session: { principal } }) => {
      const scopes = RIGHTS.map((right) => [right, principal.rights.has(right)] as const)
      return { ...(Object.fromEntries(scopes) as Record<Right, boolean>), known: true }
    },
    unauthorizedError: (_parent, { session: { principal } }, { fieldName }) =>
      new TransientError(
        'FORBIDDEN',
        `${publicNameOf(fieldName)}: "${principal.name}" with the role ${principal.role} may not do this`,
      ),
  },
})

builder.queryType()
builder.mutationType()
builder.subscriptionType()
