import type { GraphQLSchema } from 'graphql'

/**
 * The same schema, where every root field says which right it needs.
 * @throws Error that names a field which does not
 */
export function withDeclaredRights(schema: GraphQLSchema): GraphQLSchema {
  for (const type of [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]) {
    for (const field of Object.values(type?.getFields() ?? {})) {
      const options = field.extensions['pothosOptions'] as { readonly authScopes?: unknown } | undefined
      if (options?.authScopes === undefined) throw new Error(`${type?.name}.${field.name} needs authScopes: who may ask for it?`)
    }
  }
  return schema
}
