import type { ObjectRef } from '@pothos/core'
import type { GraphQLResolveInfo } from 'graphql'
import type { Page, PageRequest } from '../../core/cursor.js'
import { builder } from '../builder.js'
import { PLAIN } from '../printer.js'
import type { GraphQLContext } from '../request.js'
import { isSelected } from '../selection.js'

type Types = typeof builder.$inferSchemaTypes

/** What a list asks its service for: the total only where it is selected, and nothing once the caller has left. */
export function pageRequest<Request extends PageRequest>(
  request: Request,
  { signal }: Pick<GraphQLContext, 'signal'>,
  info: GraphQLResolveInfo,
): Request & PageRequest {
  return { ...request, signal: signal(), isCounted: isSelected(info, 'totalCount') }
}

/** The arguments of every list. */
export const pageArguments = builder.args((t) => ({
  first: t.int({ description: 'Page size: 50 by default, 250 at most.' }),
  after: t.string({ description: 'The `endCursor` of the page before.' }),
}))

const PageInfoType = builder.objectRef<Page<unknown>>('PageInfo').implement({
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage'),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage'),
    startCursor: t.string({ nullable: true, extensions: PLAIN, resolve: (page) => page.cursorAt(0) }),
    endCursor: t.string({ nullable: true, extensions: PLAIN, resolve: (page) => page.cursorAt(-1) }),
  }),
})

function totalOf({ totalCount }: Page<unknown>): number {
  if (totalCount === null) throw new Error('a total that is selected was not counted')
  return totalCount
}

/** `<Noun>Connection` and `<Noun>Edge` over a service's pages. */
export function connectionType<Node, Shape extends Page<Node> = Page<Node>>(noun: string, node: ObjectRef<Types, Node>) {
  const edge = builder.objectRef<{ readonly cursor: string; readonly node: Node }>(`${noun}Edge`)
  edge.implement({
    fields: (t) => ({
      cursor: t.exposeString('cursor'),
      node: t.field({ type: node, extensions: PLAIN, resolve: (parent) => parent.node as never }),
    }),
  })
  return builder.objectRef<Shape>(`${noun}Connection`).implement({
    fields: (t) => ({
      edges: t.field({
        type: [edge],
        extensions: PLAIN,
        resolve: (page) => page.items.map((item, index) => ({ cursor: page.cursorAt(index) ?? '', node: item })),
      }),
      nodes: t.field({ type: [node], extensions: PLAIN, resolve: (page) => page.items as never }),
      pageInfo: t.field({ type: PageInfoType, extensions: PLAIN, resolve: (page) => page }),
      totalCount: t.int({ extensions: PLAIN, resolve: totalOf }),
    }),
  })
}
