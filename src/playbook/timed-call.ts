import type { Step } from './model.js'
import { type Fields, given } from './reader.js'
import { readTimeout } from './retry.js'
import { type NamedTool, readCall } from './tools.js'

/**
 * The call of a step or task, and its timeout. A timeout that stands among the tool's parameters (`http`) means the
 * same as one beside it; where both are given, the outer one is the attempt's.
 */
export function readTimedCall(fields: Fields, tool: NamedTool | null): Pick<Step, 'tool' | 'timeout'> {
  const own = given(fields, 'timeout')
  // What a custom kind calls a timeout is its own business.
  const isCustom = tool?.definition?.isCustom === true
  const isTimed = tool?.isNested && !isCustom && tool.definition && 'timeout' in tool.definition.parameters.shape
  const inner = isTimed ? given(tool.fields, 'timeout') : null
  const isKept = own !== null && inner !== null
  const call = tool ? readCall(tool, new Set(isKept || isCustom ? [] : ['timeout'])) : null
  return { tool: call, timeout: readTimeout(own ?? inner) }
}
