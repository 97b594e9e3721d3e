import type { SpaceRecord } from '../../variables/spaces/space-store.js'
import { spaceStream } from '../../variables/stream.js'
import { builder } from '../builder.js'
import { checkedVariableFilter } from './filters.js'
import { NodeInterface } from './node.js'
import { connectionType, pageArguments, pageRequest } from './page.js'
import { VariableConnection, variableListArguments } from './variable.js'

const SpaceType = builder.objectRef<SpaceRecord>('Space')
SpaceType.implement({
  description:
    'A stream of variables without an execution. Inputs of variable mutations, variables, variable, variableHistory and variableChanged take `space: String` in the place of `executionId`. The first write makes it.',
  interfaces: [NodeInterface],
  fields: (t) => ({
    id: t.exposeID('id'),
    name: t.exposeString('name'),
    revision: t.expose('revision', { type: 'Revision' }),
    variableCount: t.exposeInt('variableCount'),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    variables: t.field({
      type: VariableConnection,
      args: variableListArguments,
      resolve: ({ name }, { filter, ...page }, context, info) =>
        spaceStream(context.services.globals, name).list({
          ...pageRequest(page, context, info),
          filter: checkedVariableFilter(filter),
        }),
    }),
  }),
})

const SpaceConnection = connectionType<SpaceRecord>('Space', SpaceType)

builder.queryFields((t) => ({
  space: t.field({
    type: SpaceType,
    authScopes: { read_globals: true },
    nullable: true,
    description: 'One space. Null where nothing was ever written to it.',
    args: { name: t.arg.string({ required: true }) },
    resolve: (_root, { name }, { services }) => services.globals.space(name),
  }),
  spaces: t.field({
    type: SpaceConnection,
    authScopes: { read_globals: true },
    description: 'All spaces by their names.',
    args: pageArguments,
    resolve: (_root, page, context, info) => context.services.globals.spaces(pageRequest(page, context, info)),
  }),
}))
