import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where a cluster listens: on a socket in a folder, or on a port of the loopback address. */
export type Address =
  | { readonly kind: 'socket'; readonly folder: string; readonly isTemporary: boolean }
  | { readonly kind: 'port'; readonly port: number }

/** The kernel's limit is 108 bytes with the NUL at the end (unix(7)); macOS has 104. */
const SOCKET_PATH_BYTES = 103
/** Names the socket file only. */
const SOCKET_PORT = 5432
const SOCKET_NAME = `.s.PGSQL.${SOCKET_PORT}`

/** A socket in the folder, which only its owner enters; in a temporary folder where its path were too long; on Windows a port. */
export async function chooseAddress(folder: string): Promise<Address> {
  if (process.platform === 'win32') return { kind: 'port', port: await freePort() }
  if (fits(folder)) return { kind: 'socket', folder, isTemporary: false }
  return { kind: 'socket', folder: await mkdtemp(join(tmpdir(), 'transient-')), isTemporary: true }
}

function fits(folder: string): boolean {
  return Buffer.byteLength(join(folder, SOCKET_NAME)) <= SOCKET_PATH_BYTES
}

/** What a running cluster says in its `postmaster.pid`. */
export function addressOf({ port, socketFolder }: { readonly port: number; readonly socketFolder: string }): Address {
  return socketFolder === '' ? { kind: 'port', port } : { kind: 'socket', folder: socketFolder, isTemporary: !fits(socketFolder) }
}

/** The settings that make PostgreSQL listen there, and nowhere else. */
export function listenSettings(address: Address): Record<string, string> {
  return address.kind === 'port'
    ? { listen_addresses: '127.0.0.1', port: String(address.port), unix_socket_directories: '' }
    : {
        listen_addresses: '',
        port: String(SOCKET_PORT),
        unix_socket_directories: quoted(address.folder),
        unix_socket_permissions: '0700',
      }
}

/** As one item of a list of folders. */
function quoted(folder: string): string {
  return `"${folder.replaceAll('"', '""')}"`
}

interface Login {
  readonly user: string
  readonly password: string
  readonly database: string
}

export function connectionUrl(address: Address, { user, password, database }: Login): string {
  const at = address.kind === 'port' ? `127.0.0.1:${address.port}` : encodeURIComponent(address.folder)
  return `postgresql://${user}:${encodeURIComponent(password)}@${at}/${database}`
}

export async function leave(address: Address): Promise<void> {
  if (address.kind === 'socket' && address.isTemporary) await rm(address.folder, { recursive: true, force: true })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
