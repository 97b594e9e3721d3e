// prisma/schema.prisma -> src/db/generated: Prisma's client, which is not committed. `npm ci` makes it; where install scripts are off, whatever needs it
// does (build, tests, type check). Nothing is downloaded: the generator is in the package, and the engine that it asks for is never run.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const SCHEMA = join(ROOT, 'prisma', 'schema.prisma')
const FOLDER = join(ROOT, 'src', 'db')
const CLIENT = join(FOLDER, 'generated')
/** Says what the client beside it was made of. */
const STAMP = 'made-of.sha256'
const TIMEOUT_MS = 120_000

const require = createRequire(import.meta.url)

/**
 * Makes the client where there is none, or one of another schema or version.
 * @throws Error when Prisma is not installed, or refuses the schema
 */
export function generatePrisma() {
  const schema = readFileSync(SCHEMA, 'utf8')
  const madeOf = createHash('sha256').update(`${schema}\0${readFileSync(fileURLToPath(import.meta.url))}`)
  const stamp = madeOf.update(`\0${packageOf('@prisma/client').version}`).digest('hex')
  if (stampOf(CLIENT) === stamp) return
  const work = mkdtempSync(join(FOLDER, '.generated-'))
  try {
    const source = join(work, 'schema.prisma')
    writeFileSync(source, forClient(schema))
    // The generator reads the next one that it finds above: ours needs a package for development.
    writeFileSync(join(work, 'tsconfig.json'), '{}')
    generate(source)
    const made = join(work, 'client')
    writeFileSync(join(made, STAMP), stamp)
    putInPlace(made, stamp)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/**
 * The schema as the client is to see it: columns of JSON are text to it, read and written as PostgreSQL has them. Parsed by the client
 * their numbers would lose digits.
 */
function forClient(schema) {
  return schema.replace(/^(\s+\w+\s+)Json\b/gm, '$1String').replace(/^(\s+output\s*=\s*).*$/m, '$1"./client"')
}

function generate(source) {
  const { folder, bin } = packageOf('prisma')
  const env = {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
  }
  try {
    execFileSync(process.execPath, [join(folder, bin.prisma), 'generate', '--schema', source], {
      ...{ cwd: ROOT, env, timeout: TIMEOUT_MS, stdio: 'pipe', encoding: 'utf8' },
    })
  } catch (error) {
    throw new Error(
      `the database client could not be made of prisma/schema.prisma:\n${error.stderr || error.stdout || error.message}`,
    )
  }
}

/** Another process may do the same at this moment: it does not matter whose client stays. */
function putInPlace(made, stamp) {
  for (let tries = 1; ; tries += 1) {
    rmSync(CLIENT, { recursive: true, force: true })
    try {
      renameSync(made, CLIENT)
      return
    } catch (error) {
      if (stampOf(CLIENT) === stamp) return
      if (tries >= 5) throw error
    }
  }
}

function stampOf(folder) {
  const file = join(folder, STAMP)
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}

function packageOf(name) {
  let file
  try {
    file = require.resolve(`${name}/package.json`)
  } catch {
    throw new Error(`the package ${name}, of which the database client is made, is not installed: run npm ci`)
  }
  return { ...JSON.parse(readFileSync(file, 'utf8')), folder: dirname(file) }
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    generatePrisma()
  } catch (error) {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
