import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Where the programs lie that the benchmarks are measured against; packages of their own, which no user installs. */
export const PEERS = fileURLToPath(new URL('../peers/', import.meta.url))

/** Installs the peers where they are missing: `npm --prefix test/bench/peers ci`. @throws Error when npm cannot */
export function ensurePeers(): void {
  if (existsSync(`${PEERS}node_modules/.package-lock.json`)) return
  console.info('installing the peers: npm --prefix test/bench/peers ci')
  const { status } = spawnSync('npm', ['--prefix', PEERS, 'ci', '--no-audit', '--no-fund'], { stdio: 'inherit' })
  if (status !== 0) throw new Error('the peers could not be installed: run npm --prefix test/bench/peers ci')
}

/** The version of an installed peer. */
export function peerVersion(name: string): string {
  const manifest = JSON.parse(readFileSync(`${PEERS}node_modules/${name}/package.json`, 'utf8')) as { version: string }
  return manifest.version
}
