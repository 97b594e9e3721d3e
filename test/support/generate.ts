import { execFileSync } from 'node:child_process'
import { ROOT } from './paths.js'

/** Before the suites: makes Prisma's client, where the install did not. */
export function setup(): void {
  execFileSync(process.execPath, ['scripts/prisma-generate.mjs'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] })
}
