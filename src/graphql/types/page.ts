import type { ObjectRef } from '@pothos/core'
import type { Page } from '../../core/cursor.js'
import { builder } from '../builder.js'
import { PLAIN } from '../printer.js'

type Types = typeof builder.$inferSchemaTypes

/** The arguments of every list. */
export const pageArguments = builder.args((t) => ({
  first: t.int({ description: 'Page size: 50 by default, 250 at most.' }),
  after: t.string({ description: 'The `endCursor` of the page before.' }),
}))

const PageInfoType = builder.objectRef<Page<unknown>>('PageInfo').implement({
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage'),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage'),
    startCursor: t.string({ nullable: true, extensions: PLAIN, resolve: (page) => page.cursors[0] ?? null }),
    endCursor: t.string({ nullable: true, extensions: PLAIN, resolve: (page) => page.cursors.at(-1) ?? null }),
  }),
})

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
        resolve: (page) => page.items.map((item, index) => ({ cursor: page.cursors[index] ?? '', node: item })),
      }),
      nodes: t.field({ type: [node], extensions: PLAIN, resolve: (page) => page.items as never }),
      pageInfo: t.field({ type: PageInfoType, extensions: PLAIN, resolve: (page) => page }),
      totalCount: t.int({ extensions: PLAIN, resolve: (page) => page.totalCount }),
    }),
  })
}
