import { z } from 'zod'
import { mapping } from './parameters.js'
import { defineTool } from './tool.js'

/** Runs a child execution; the orchestrator itself carries it out, so that a waiting parent holds no worker. */
export const playbookTool = defineTool({
  kind: 'playbook',
  parameters: z.strictObject({
    path: z.string().min(1),
    version: z.union([z.number().int().positive(), z.string().min(1)]).optional(),
    args: mapping.optional(),
  }),
  aliases: { with: 'args', params: 'args', data: 'args' },
  open: null,
})
