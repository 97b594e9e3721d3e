import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** A folder that the founders share beside the repository, or null (said aloud) where it, or one of these files in it, is missing. */
export function findShared(part: string, ...files: readonly string[]): string | null {
  const path = resolve(ROOT, '../shared', part)
  const missing = ['.', ...files].find((file) => !existsSync(join(path, file)))
  if (missing === undefined) return path
  console.warn(`SKIPPED: ${join('../shared', part, missing)} is missing, so what it describes is not checked here`)
  return null
}
