import { z } from 'zod'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { flag, mapping } from '../parameters.js'
import { defineTool, type Renderer } from '../tool.js'
import { createPythonTool } from './python.js'
import { namesSeen, seesContext } from './sees-context.js'

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
  contextNames: ({ code = '', args = {} }) =>
    namesSeen(typeof code === 'string' ? code : '', new Set(Object.keys(objectOrEmpty(args)))),
  render: renderPython,
  open: createPythonTool,
})

function renderPython(parameters: JsonObject, renderer: Renderer): JsonObject {
  const { code = '', args = {}, libs = {}, network = true } = parameters
  const rendered = objectOrEmpty(renderer.tree(args, 'args'))
  const isContextSeen = seesContext(typeof code === 'string' ? code : '', new Set(Object.keys(rendered)))
  return {
    code,
    args: rendered,
    libs: objectOrEmpty(libs),
    network: renderer.tree(network, 'network'),
    context: isContextSeen ? renderer.context() : {},
  }
}

function objectOrEmpty(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : {}
}
