import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from './paths.js'

const MAKE_FOLDER = `
  const { openDatabase } = await import('./dist/db/index.js')
  const database = await openDatabase({ databaseUrl: null, dataDir: process.argv[1] })
  await database.close()`

/**
 * Before the suites that drive a real server process: builds dist/ once, and makes one fresh data folder for them to copy,
 * because the embedded database takes seconds of both cores to be born.
 */
export function setup(): () => void {
  build()
  const folder = mkdtempSync(join(tmpdir(), 'transient-fresh-'))
  execFileSync(process.execPath, ['--input-type=module', '-e', MAKE_FOLDER, folder], { cwd: ROOT, stdio: 'inherit' })
  process.env['TEST_FRESH_FOLDER'] = folder
  return () => rmSync(folder, { recursive: true, force: true })
}

/** Builds dist/. */
export function build(): void {
  if (!existsSync(`${ROOT}/scripts/build.mjs`)) throw new Error('scripts/build.mjs is missing: nothing to start')
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] })
}
