import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { ROOT } from './paths.js'

/** Builds dist/ once before the suites that drive a real server process. */
export function setup(): void {
  if (!existsSync(`${ROOT}/scripts/build.mjs`)) throw new Error('scripts/build.mjs is missing: nothing to start')
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] })
}
