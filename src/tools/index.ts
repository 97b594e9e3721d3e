import { customTool, isCustomKind } from './custom.js'
import { httpTool } from './http/http-tool.js'
import { playbookTool } from './playbook.js'
import { postgresTool } from './postgres/postgres-tool.js'
import { pythonTool } from './python/python-tool.js'
import { shellTool } from './shell.js'
import type { ToolDefinition, ToolEnvironment } from './tool.js'
import { createToolboxOf, type Toolbox } from './toolbox.js'
import { workbookTool } from './workbook.js'

export { type BoundLog, boundLog } from './bound-log.js'
export type { Isolation } from './tool.js'
export type { Toolbox } from './toolbox.js'

/** Every tool kind that the server runs. */
export const TOOLS: readonly ToolDefinition[] = [pythonTool, httpTool, postgresTool, shellTool, playbookTool, workbookTool]

/** The definition of a kind, that of a custom one included; null where there can be none. */
export function definitionOf(kind: string): ToolDefinition | null {
  return TOOLS.find((tool) => tool.kind === kind) ?? (isCustomKind(kind) ? customTool(kind) : null)
}

/** The tools of a process, each opened at its first use. */
export function createToolbox(environment: ToolEnvironment): Toolbox {
  return createToolboxOf({ environment, tools: TOOLS })
}
