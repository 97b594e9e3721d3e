import { z } from 'zod'
import { mapping } from './parameters.js'
import { defineTool } from './tool.js'

/** Runs a named task of the playbook's `workbook`; the orchestrator puts that task's tool in its place. */
export const workbookTool = defineTool({
  kind: 'workbook',
  parameters: z.strictObject({
    name: z.string().min(1),
    args: mapping.optional(),
  }),
  aliases: { with: 'args', params: 'args', data: 'args' },
  open: null,
})
