import { decodeCursor, encodeCursor } from '../../core/cursor.js'
import { parseExecutionId } from '../../core/ids.js'
import { builder } from '../builder.js'
import type { GraphQLContext } from '../context.js'

/** What an id of ours leads to, with the name of its type. */
interface Found {
  readonly typename: 'Execution' | 'Playbook' | 'Variable'
}

const typenames = new WeakMap<object, Found['typename']>()

export const NodeInterface = builder.interfaceRef<object>('Node').implement({
  description: 'Anything with an id of its own.',
  resolveType: (value) => typenames.get(value) ?? null,
  fields: (t) => ({ id: t.id({ resolve: () => '' }) }),
})

/** An id that says of which type it is, and which row. */
export function nodeId(typename: Found['typename'], ...key: string[]): string {
  return encodeCursor([typename, ...key])
}

builder.queryField('node', (t) =>
  t.field({
    type: NodeInterface,
    authScopes: { known: true },
    nullable: true,
    description: 'Whatever has this id. Counts no read. Null when there is none.',
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id }, context) => {
      const [typename, value] = await findNode(id, context)
      if (value !== null) typenames.set(value, typename)
      return value
    },
  }),
)

async function findNode(id: string, { services }: GraphQLContext): Promise<[Found['typename'], object | null]> {
  if (/^\d+$/.test(id)) return ['Execution', await services.executions.find(parseExecutionId(id, 'id'))]
  const [typename, first = '', second = ''] = decodeCursor(id, 3, 'id')
  if (typename === 'Playbook') return ['Playbook', await services.catalog.find(first, Number(second))]
  return ['Variable', await services.variables.find(parseExecutionId(first, 'id'), second)]
}
