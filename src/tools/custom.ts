import { z } from 'zod'
import { defineTool, type ToolDefinition } from './tool.js'

const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,99}$/
/** What the orchestrator calls its own tasks, and the language its loops. */
const RESERVED = new Set(['step', 'iterate', 'join', 'iterator'])

/** Whether a kind that the server does not have may be one that somebody's own workers serve. */
export function isCustomKind(kind: string): boolean {
  return NAME.test(kind) && !RESERVED.has(kind)
}

/** A kind that only workers of a step's own pool know: every parameter is a template, and none is needed. */
export function customTool(kind: string, parameters: readonly string[] = []): ToolDefinition {
  const shape = Object.fromEntries(parameters.map((name) => [name, z.unknown()]))
  return defineTool({ kind, isCustom: true, parameters: z.object(shape), open: null })
}
