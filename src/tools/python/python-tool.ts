import { z } from 'zod'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { flag, mapping } from '../parameters.js'
import { defineTool, type Renderer } from '../tool.js'
import { createPythonTool } from './python.js'

/** Runs Python code in CPython, in a process of its own for every call. */
export const pythonTool = defineTool({
  kind: 'python',
  parameters: z.strictObject({
    code: z.string().min(1),
    args: mapping.optional(),
    libs: z.record(z.string(), z.string()).nullable().optional(),
    network: flag.optional(),
    auth: z.strictObject({}).nullable().optional(),
  }),
  aliases: { with: 'args', params: 'args', data: 'args' },
  rawParameters: ['code', 'libs'],
  isContextReader: true,
  render: renderPython,
  open: createPythonTool,
})

function renderPython(parameters: JsonObject, renderer: Renderer): JsonObject {
  const { code = '', args = {}, libs = {}, network = true } = parameters
  return {
    code,
    args: args === null ? {} : renderer.tree(args, 'args'),
    libs: objectOrEmpty(libs),
    network: renderer.tree(network, 'network'),
    context: renderer.context(),
  }
}

function objectOrEmpty(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : {}
}
