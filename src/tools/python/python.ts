import { TransientError } from '../../core/errors.js'
import type { RunningTool, ToolEnvironment } from '../tool.js'

/** Opens the python tool. */
export function createPythonTool(_environment: ToolEnvironment): RunningTool {
  return {
    run: async () => Promise.reject(new TransientError('TOOL_FAILED', 'this build has no python tool')),
    close: async () => {},
  }
}
