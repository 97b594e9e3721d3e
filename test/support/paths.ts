import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** What the founders share beside the repository, or null (said aloud) where it is missing. */
export function findShared(part: string): string | null {
  const path = resolve(ROOT, '../shared', part)
  if (existsSync(path)) return path
  console.warn(`SKIPPED: ../shared/${part} is missing, so what it describes is not checked here`)
  return null
}
