import { TransientError } from '../../core/errors.js'
import type { RunningTool, ToolEnvironment } from '../tool.js'

/** Opens the http tool. */
export function createHttpTool(_environment: ToolEnvironment): RunningTool {
  return {
    run: async () => Promise.reject(new TransientError('TOOL_FAILED', 'this build has no http tool')),
    close: async () => {},
  }
}
