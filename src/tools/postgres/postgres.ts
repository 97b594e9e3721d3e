import { TransientError } from '../../core/errors.js'
import type { RunningTool, ToolEnvironment } from '../tool.js'

/** Opens the postgres tool. */
export function createPostgresTool(_environment: ToolEnvironment): RunningTool {
  return {
    run: async () => Promise.reject(new TransientError('TOOL_FAILED', 'this build has no postgres tool')),
    close: async () => {},
  }
}
