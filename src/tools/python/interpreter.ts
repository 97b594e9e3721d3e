import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { programEnvironment } from '../../config.js'
import { isJsonObject, parseJson } from '../../core/json.js'

/** Where an interpreter is, once whatever wraps it (pyenv, a virtual environment) is looked through. */
export interface Interpreter {
  readonly executable: string
  /** Folders and files that it reads: its own, its libraries', its packages'. */
  readonly paths: readonly string[]
}

const PROBE = `
import json, os, sys
paths = [sys.executable, os.path.realpath(sys.executable), sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path]
print(json.dumps({"executable": sys.executable, "paths": [path for path in paths if path and os.path.exists(path)]}))
`
const TIMEOUT_MS = 20_000

/** Asks the interpreter itself; null where it cannot be started. */
export async function findInterpreter(pythonPath: string): Promise<Interpreter | null> {
  try {
    const options = { env: programEnvironment(), timeout: TIMEOUT_MS }
    const { stdout } = await promisify(execFile)(pythonPath, ['-I', '-B', '-c', PROBE], options)
    const found = parseJson(stdout)
    if (!isJsonObject(found) || typeof found.executable !== 'string' || !Array.isArray(found.paths)) return null
    return { executable: found.executable, paths: found.paths.filter((path) => typeof path === 'string') }
  } catch {
    return null
  }
}
