import { z } from 'zod'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { flag, mapping } from '../parameters.js'
import { defineTool, type Renderer } from '../tool.js'
import { createPythonTool } from './python.js'
import { namesSeen } from './sees-context.js'

/** Runs Python code in CPython, in processes of its own for every step. */
export const pythonTool = defineTool({
  kind: 'python',
  parameters: z.strictObject({
    code: z.string().min(1),
    args: mapping.optional(),
    libs: z.record(z.string(), z.string()).nullable().optional(),
    network: flag.optional(),
    fresh: flag.optional(),
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
  const { code = '', args = {}, libs = {}, network = null, fresh = null } = parameters
  const rendered = objectOrEmpty(renderer.tree(args, 'args'))
  const names = namesSeen(typeof code === 'string' ? code : '', new Set(Object.keys(rendered)))
  return {
    code,
    args: rendered,
    libs: objectOrEmpty(libs),
    network: network === null ? null : renderer.tree(network, 'network'),
    ...(fresh === null ? {} : { fresh: renderer.tree(fresh, 'fresh') }),
    context: contextOf(names, renderer),
  }
}

/** What the code can see of the context: the rest may be large, and would travel to the worker with every call. */
function contextOf(names: readonly string[] | 'all', renderer: Renderer): JsonObject {
  if (names === 'all') return renderer.context()
  if (names.length === 0) return {}
  const context = renderer.context()
  return Object.fromEntries(names.flatMap((name) => (Object.hasOwn(context, name) ? [[name, context[name] ?? null]] : [])))
}

function objectOrEmpty(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : {}
}
