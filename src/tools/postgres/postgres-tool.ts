import { z } from 'zod'
import { mapping } from '../parameters.js'
import { defineTool } from '../tool.js'
import { commandFaults } from './check.js'
import { createPostgresTool } from './postgres.js'
import { renderPostgres } from './render.js'

/** Runs SQL against a named connection; templates inside it become bound parameters. */
export const postgresTool = defineTool({
  kind: 'postgres',
  parameters: z.strictObject({
    query: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
    auth: z
      .union([z.string().min(1), z.strictObject({ type: z.string().optional(), credential: z.string().min(1).optional() })])
      .nullable()
      .optional(),
    params: z
      .union([mapping, z.array(z.unknown())])
      .nullable()
      .optional(),
  }),
  aliases: { command: 'query', commands: 'query' },
  faults: commandFaults,
  render: renderPostgres,
  open: createPostgresTool,
})
