import { z } from 'zod'
import { flag, mapping, seconds, templateText } from '../parameters.js'
import { defineTool } from '../tool.js'
import { createHttpTool } from './http.js'

/** Sends one HTTP request; a response that is not 2xx is an error with its body kept. */
export const httpTool = defineTool({
  kind: 'http',
  parameters: z.strictObject({
    endpoint: z.string().min(1),
    method: z.string().min(1).optional(),
    params: mapping.nullable().optional(),
    headers: mapping.nullable().optional(),
    payload: z.unknown().optional(),
    timeout: seconds.optional(),
    auth: z
      .union([
        z.strictObject({
          type: z.union([z.enum(['bearer', 'basic', 'header']), templateText]).optional(),
          credential: z.string().min(1).optional(),
          name: z.string().min(1).optional(),
        }),
        templateText,
      ])
      .nullable()
      .optional(),
    verify_ssl: flag.optional(),
  }),
  aliases: { url: 'endpoint', data: 'payload' },
  open: createHttpTool,
})
