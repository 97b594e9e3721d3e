import type { PlaybookRecord } from '../../catalog/record.js'
import type { VariableRecord } from '../../commit/record.js'
import { decodeCursor, encodeCursor } from '../../core/cursor.js'
import { isTransientError } from '../../core/errors.js'
import { parseExecutionId } from '../../core/ids.js'
import { isSpaceId, parseStreamId } from '../../core/space.js'
import { builder } from '../builder.js'
import type { GraphQLContext } from '../request.js'

type Typename = 'Execution' | 'Playbook' | 'Space' | 'Variable'

const typenames = new WeakMap<object, Typename>()

export const NodeInterface = builder.interfaceRef<object>('Node').implement({
  description: 'Anything with an id of its own.',
  resolveType: (value) => typenames.get(value) ?? null,
  fields: (t) => ({ id: t.id({ resolve: () => '' }) }),
})

export function playbookId({ path, version }: PlaybookRecord): string {
  return encodeCursor(['Playbook', path, String(version)])
}

/** What two readings of a variable show differently must not be one thing to a client that keeps things by their ids. */
export function variableId({ executionId, name, revision, view }: VariableRecord): string {
  const reading = view === undefined ? [] : [view === 'past' ? String(revision) : view]
  return encodeCursor(['Variable', executionId, name, ...reading])
}

builder.queryField('node', (t) =>
  t.field({
    type: NodeInterface,
    authScopes: { known: true },
    nullable: true,
    description: 'Whatever has this id. Counts no read. Null when there is none, and for what is not an id.',
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, context) => findNode(id, context),
  }),
)

async function findNode(id: string, { services }: GraphQLContext): Promise<object | null> {
  try {
    if (/^\d+$/.test(id)) return named('Execution', await services.executions.find(parseExecutionId(id, 'id')))
    if (isSpaceId(id)) return named('Space', await services.globals.spaceById(parseStreamId(id, 'id')))
    const [typename, first = '', second = '', reading] = decodeCursor(id) ?? []
    if (typename === 'Playbook') {
      const playbook = await services.catalog.find(first, Number(second))
      return playbook !== null && playbookId(playbook) === id ? named('Playbook', playbook) : null
    }
    if (typename !== 'Variable') return null
    const revision = reading === undefined ? undefined : Number(reading)
    const stream = parseStreamId(first, 'id')
    const variable = await (isSpaceId(stream)
      ? services.globals.findById(stream, second, revision)
      : services.variables.find(stream, second, revision))
    return variable !== null && variableId(variable) === id ? named('Variable', variable) : null
  } catch (error) {
    // A text that names nothing because nothing could have that name.
    if (isTransientError(error) && error.code === 'VALIDATION') return null
    throw error
  }
}

function named<Value extends object>(typename: Typename, value: Value | null): Value | null {
  if (value !== null) typenames.set(value, typename)
  return value
}
