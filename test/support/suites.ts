import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { ROOT } from './paths.js'

/** A suite that uses one of these starts a database, a server or a process. */
const STARTS = /TEST_DATABASE_URL|TEST_NATS_URL|node:child_process|startServer|createServer\(/
/** Suites that start nothing and still take many seconds. */
const SLOW = [/^test\/tools\/(python|shell)/, /^test\/template\/work\./, /^test\/security\/slow-texts\./]
const IMPORT = /from '(\.[^']+)\.js'/g

/**
 * Test files that start nothing and need nothing: the project `unit`, which ends within seconds. Found by what they and their own
 * helpers import, so that no list has to be kept.
 */
export function pureSuites(): string[] {
  const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).map((name) => normalize(`test/${name}`))
  return files.filter(
    (file) => file.endsWith('.test.ts') && !SLOW.some((pattern) => pattern.test(file)) && !isStarting(file, new Set()),
  )
}

function isStarting(file: string, seen: Set<string>): boolean {
  if (seen.has(file)) return false
  seen.add(file)
  const source = readFileSync(join(ROOT, file), 'utf8')
  if (STARTS.test(source)) return true
  return [...source.matchAll(IMPORT)]
    .map(([, path]) => normalize(`${dirname(file)}/${path}.ts`))
    .some((path) => path.startsWith('test/') && existsSync(join(ROOT, path)) && isStarting(path, seen))
}
