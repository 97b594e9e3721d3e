import { execFile } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chown, mkdir, mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { programEnvironment } from '../../config.js'
import { type Address, connectionUrl } from './address.js'
import type { Binaries } from './binaries.js'
import { chooseUser } from './run-as.js'

/** A cluster's folder: `data`, which is PostgreSQL's, the socket, and the password of its owner. */
export interface Cluster {
  readonly folder: string
  readonly data: string
  readonly password: string
}

const OWNER = 'transient'
const PRODUCT = 'transient'
const STEPS = 'steps'
/**
 * For a laptop, as they go into `postgresql.conf`: little is held in memory, and what is acknowledged is on the disk, since `fsync`,
 * `synchronous_commit` and `full_page_writes` stay on.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  shared_buffers: '128MB',
  max_connections: '60',
  // Nothing is replicated, and a process for each kind of work is too many on a small machine.
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  max_wal_size: '1GB',
  io_method: 'sync',
  max_parallel_workers_per_gather: '0',
  // Neither statements nor their values belong into a log.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
  log_line_prefix: '',
  // The password is as long as a key: to hash it 4,096 times at each connection protects nothing.
  scram_iterations: '1',
}
/** One user's queries shall not take the connections or the disk that the product needs. */
const STEPS_CONNECTIONS = 12
const STEPS_TEMPORARY_FILES = '1GB'
const CONNECT_MS = 10_000

const run = promisify(execFile)

/**
 * The cluster in `<dataDir>/postgres`; made where there is none. It is made beside its place and then moved there, so that one that is half
 * made is never found, and of two processes that make one at once one stays.
 * @throws Error with what is wrong with the folder and what to do
 */
export async function openCluster(dataDir: string, binaries: Binaries): Promise<Cluster> {
  const folder = join(dataDir, 'postgres')
  if (!existsSync(folder)) {
    assertNotPglite(dataDir)
    await createCluster(folder, binaries)
  }
  const data = join(folder, 'data')
  const version = await readFile(join(data, 'PG_VERSION'), 'utf8').catch(() => null)
  if (version === null) {
    throw new Error(
      `${folder} is not a database of this server (data/PG_VERSION is missing): restore it from a backup, or give the server another DATA_DIR`,
    )
  }
  if (version.trim() !== binaries.major) {
    throw new Error(
      `the database in ${folder} was made by PostgreSQL ${version.trim()}, and this version of the server brings ${binaries.major}: ` +
        'start the version that made it, dump the database with pg_dump, and load the dump into a new DATA_DIR',
    )
  }
  const password = await readFile(join(folder, 'password'), 'utf8').catch(() => {
    throw new Error(
      `${folder} is damaged (the file password cannot be read): restore it from a backup, or give the server another DATA_DIR`,
    )
  })
  return { folder, data, password }
}

/** The product's own database. */
export function productUrl({ password }: Cluster, address: Address): string {
  return connectionUrl(address, { user: OWNER, password, database: PRODUCT })
}

/** The database of postgres steps that name no connection: its role owns that database, and may enter no other. */
export function stepsUrl({ password }: Cluster, address: Address): string {
  return connectionUrl(address, { user: STEPS, password: stepsPassword(password), database: STEPS })
}

function stepsPassword(password: string): string {
  return createHmac('sha256', password).update(STEPS).digest('base64url')
}

/** Ends what postgres steps do at this moment: one of them may be filling the disk, and its end gives the room back. */
export function cancelSteps(cluster: Cluster, address: Address): Promise<void> {
  return asOwner(cluster, address, async (client) => {
    await client.query(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = '${STEPS}' AND state = 'active'`)
  })
}

/** Makes what is missing of the role and the databases: a process may have died half way. */
export function createDatabases(cluster: Cluster, address: Address): Promise<void> {
  return asOwner(cluster, address, async (client) => {
    const { rows } = await client.query<{ readonly name: string }>(
      `SELECT 'database ' || datname AS name FROM pg_database UNION ALL SELECT 'role ' || rolname FROM pg_roles`,
    )
    const existing = new Set(rows.map(({ name }) => name))
    if (!existing.has(`role ${STEPS}`)) {
      await client.query(
        `CREATE ROLE ${STEPS} LOGIN CONNECTION LIMIT ${STEPS_CONNECTIONS} PASSWORD '${stepsPassword(cluster.password)}';
         ALTER ROLE ${STEPS} SET temp_file_limit = '${STEPS_TEMPORARY_FILES}'`,
      )
    }
    if (!existing.has(`database ${PRODUCT}`)) await client.query(`CREATE DATABASE ${PRODUCT}`)
    if (existing.has(`database ${STEPS}`)) return
    await client.query(`REVOKE ALL ON DATABASE postgres, template1, ${PRODUCT} FROM PUBLIC`)
    await client.query(`CREATE DATABASE ${STEPS} OWNER ${STEPS}`)
    await client.query(`REVOKE ALL ON DATABASE ${STEPS} FROM PUBLIC`)
  })
}

async function asOwner(cluster: Cluster, address: Address, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const login = { user: OWNER, password: cluster.password, database: 'postgres' }
  const client = new pg.Client({ connectionString: connectionUrl(address, login), connectionTimeoutMillis: CONNECT_MS })
  // Without a listener a connection lost between two statements would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

function assertNotPglite(dataDir: string): void {
  if (!existsSync(join(dataDir, 'db', 'PG_VERSION'))) return
  throw new Error(
    `${dataDir} holds a database of version 0.1 (PGlite), which this version does not read: CHANGELOG.md says how to move its data; ` +
      'to begin anew, give the server another DATA_DIR',
  )
}

async function createCluster(folder: string, { initdb, env }: Binaries): Promise<void> {
  const unfinished = await mkdtemp(`${folder}.new-`)
  try {
    const data = join(unfinished, 'data')
    const passwordFile = join(unfinished, 'password')
    await writeFile(passwordFile, randomBytes(32).toString('base64url'), { mode: 0o600 })
    await mkdir(data, { mode: 0o700 })
    const { prefix, ids } = await chooseUser(unfinished)
    if (ids !== null) await Promise.all([data, passwordFile].map((path) => chown(path, ids.uid, ids.gid)))
    const [program = '', ...given] = [
      ...prefix,
      initdb,
      ...['--pgdata', data, '--username', OWNER, '--pwfile', passwordFile, '--auth', 'scram-sha-256', '--encoding', 'UTF8'],
      ...['--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--no-instructions'],
      ...Object.entries(SETTINGS).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
    ]
    await run(program, given, { env: { ...programEnvironment(), ...env }, ...ids })
    await flushFolder(unfinished)
    await rename(unfinished, folder)
    await flushFolder(join(folder, '..'))
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    if (existsSync(folder)) return
    throw new Error(`a database could not be made in ${folder}: ${reasonOf(error)}`, { cause: error })
  }
}

/** Its entries are on the disk, too (initdb does so for what lies below). Windows has no such call. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder)
  await handle.sync()
  await handle.close()
}

function reasonOf(error: unknown): string {
  const stderr = (error as { readonly stderr?: string }).stderr?.trim()
  if (stderr) return stderr.split('\n').slice(-3).join('; ')
  return error instanceof Error ? error.message : String(error)
}
