import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { ROOT } from './paths.js'

/** Before the suites that drive a real server process: builds dist/ once. */
export function setup(): void {
  build()
}

/** Builds dist/. */
export function build(): void {
  if (!existsSync(`${ROOT}/scripts/build.mjs`)) throw new Error('scripts/build.mjs is missing: nothing to start')
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] })
}
