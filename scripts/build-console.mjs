// src/console -> dist/console, with Vite; skipped when nothing that goes into it has changed since the last time, because it
// takes seconds where the rest of the build takes a fraction of one.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const STAMP = 'dist/console/.inputs'

/** Of everything that the bundle is made of: the sources given, the packages, the settings. */
function fingerprint(files) {
  const hash = createHash('sha256')
  for (const file of [...files].sort()) hash.update(`${file}\0`).update(readFileSync(file))
  return hash.digest('hex')
}

/** Builds the console if it is stale; where Vite is not installed (`npm ci --omit=dev`) what is there stays. */
export async function buildConsole(files) {
  const inputs = fingerprint([...files, 'package-lock.json', 'vite.console.config.ts'])
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === inputs) return
  const vite = await import('vite').catch(() => null)
  if (vite === null) {
    process.stderr.write('the console is not built: its packages are for development (npm ci without --omit=dev)\n')
    return
  }
  // A test run has another NODE_ENV, which would bundle React's development build.
  process.env.NODE_ENV = 'production'
  await vite.build({ configFile: 'vite.console.config.ts', logLevel: 'warn' })
  writeFileSync(STAMP, inputs)
}
