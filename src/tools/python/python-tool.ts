import { z } from 'zod'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { flag, mapping } from '../parameters.js'
import { defineTool, type Renderer } from '../tool.js'
import { createPythonTool } from './python.js'

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

/** Ways of plain code to reach a name without writing it. */
const REACHES_ALL = /\b(context|globals|locals|vars|eval|exec|inspect|sys|__\w+__)\b/

/**
 * The names of the template context that Python code can see; `all` in doubt. What it surely cannot see is left out of the
 * task: the context may hold the results of every step.
 */
export function namesSeen(code: string, argNames: ReadonlySet<string>): readonly string[] | 'all' {
  if (REACHES_ALL.test(code)) return 'all'
  const definitions = [...code.matchAll(/^(?:async[ \t]+)?def[ \t]+main[ \t]*\(([^()]*)\)/gm)]
  if (definitions.length === 0) return /\bmain\b/.test(code) ? 'all' : []
  return definitions.flatMap(([, list = '']) => parameterNames(list)).filter((name) => !argNames.has(name))
}

/** Names that `main` takes one by one; `*rest` and `**rest` take none of the context. */
function parameterNames(list: string): string[] {
  return list
    .replace(/#.*/g, '')
    .split(',')
    .map((item) => item.replace(/[:=][\s\S]*/, '').trim())
    .filter((name) => name !== '' && name !== '/' && !name.startsWith('*'))
}
