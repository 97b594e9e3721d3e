import { isTransientError } from '../../core/errors.js'
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js'
import { compileTemplate, isMarkedSql, splitTemplate, type TemplatePart } from '../../template/index.js'
import type { ParameterFault, Renderer } from '../tool.js'
import { isWholeCommand, renderPostgres, WHOLE_COMMAND } from './render.js'

/** So many commands of a step are tried. */
const MAX_TRIED = 100

/**
 * What is wrong with the commands whatever their templates give. A command from a template alone is an error; where the rest
 * would fail on every run, with the values left open, it is a warning.
 */
export function commandFaults(parameters: JsonObject): ParameterFault[] {
  const { query = '', params = null } = parameters
  const commands = Array.isArray(query) ? query : [query]
  return commands.flatMap((command, index): ParameterFault[] => {
    if (typeof command !== 'string') return []
    const place = { name: 'query', index: Array.isArray(query) ? index : null }
    const parts = partsOf(command)
    if (parts && isWholeCommand(parts)) return [{ ...place, message: WHOLE_COMMAND, severity: 'error' }]
    if (index >= MAX_TRIED) return []
    const isOpen = typeof params === 'string' || parts?.some((part) => part.kind === 'expression' && isMarkedSql(part.template))
    const message = isOpen ? null : renderFault({ query: command, params })
    return message === null ? [] : [{ ...place, message: `every run fails: ${message}`, severity: 'warning' }]
  })
}

function partsOf(command: string): TemplatePart[] | null {
  try {
    return splitTemplate(command)
  } catch (error) {
    if (isTransientError(error)) return null
    throw error
  }
}

/** Why a command cannot be rendered, with null for every value. */
function renderFault(parameters: JsonObject): string | null {
  try {
    renderPostgres(parameters, OPEN)
    return null
  } catch (error) {
    if (isTransientError(error)) return error.message.replace(/^query: /, '')
    throw error
  }
}

const OPEN: Renderer = { tree: (value) => withoutValues(value), context: () => ({}) }

function withoutValues(value: JsonValue): JsonValue {
  if (typeof value === 'string') return compileTemplate(value).isExpression ? null : value
  if (Array.isArray(value)) return value.map(withoutValues)
  if (!isJsonObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutValues(item)]))
}
