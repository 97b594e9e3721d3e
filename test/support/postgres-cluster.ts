import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './server.js'

const run = promisify(execFile)
const DEBIAN_ROOT = '/usr/lib/postgresql'

/** A PostgreSQL server of one's own, in a temporary folder and on a free port, which may be stopped and started again. */
export interface PostgresCluster {
  readonly url: string
  /** `immediate`: as if it had crashed; all connections break. */
  stop(mode: 'fast' | 'immediate'): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

/** Makes and starts one; null, said aloud, where PostgreSQL is not installed or may not be run. */
export async function startPostgresCluster(): Promise<PostgresCluster | null> {
  const folder = programs()
  if (folder === null) {
    console.warn('SKIPPED: no initdb is installed, so a PostgreSQL that restarts is not checked here')
    return null
  }
  const root = mkdtempSync(join(tmpdir(), 'transient-cluster-'))
  const data = join(root, 'data')
  const port = await freePort()
  const isRoot = process.getuid?.() === 0
  const call = (program: string, ...given: string[]) => {
    const path = join(folder, program)
    return isRoot ? run('runuser', ['-u', 'postgres', '--', path, ...given]) : run(path, given)
  }
  const stop = async (mode: string): Promise<void> => void (await call('pg_ctl', '-D', data, '-m', mode, '-w', 'stop'))
  const start = async (): Promise<void> => {
    const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''`
    await call('pg_ctl', '-D', data, '-w', '-t', '60', '-l', join(data, 'server.log'), '-o', options, 'start')
  }
  if (isRoot) await run('chown', ['postgres', root])
  await call('initdb', '-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--no-sync')
  await start()
  return {
    url: `postgresql://postgres@127.0.0.1:${port}/postgres`,
    stop,
    start,
    async close() {
      await stop('immediate').catch(() => undefined)
      rmSync(root, { recursive: true, force: true })
    },
  }
}

function programs(): string | null {
  const versions = existsSync(DEBIAN_ROOT) ? readdirSync(DEBIAN_ROOT).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...(process.env['PATH'] ?? '').split(':'), ...versions.map((version) => join(DEBIAN_ROOT, version, 'bin'))]
  return folders.find((folder) => existsSync(join(folder, 'initdb'))) ?? null
}
