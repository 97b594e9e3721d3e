// The images' programs as this machine has them.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export const isRoot = process.getuid() === 0
const FOLDER = '/usr/lib/postgresql'
const PATH = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`

/** Whether a program is there; installs Debian's package where it is not and may be. */
export function has(program, debianPackage) {
  const isThere = () => spawnSync('sh', ['-c', `command -v ${program}`], { env: { PATH } }).status === 0
  if (!isThere() && isRoot) {
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', debianPackage], { timeout: 180_000 })
  }
  return isThere()
}

export function postgresFolder() {
  if (!existsSync(FOLDER)) return null
  const versions = readdirSync(FOLDER).sort((a, b) => Number(b) - Number(a))
  return versions.map((version) => join(FOLDER, version, 'bin')).find((folder) => existsSync(join(folder, 'initdb'))) ?? null
}

/** The ids of an ordinary user, for spawn; nothing where we are one already. */
export function ordinary(user = 'nobody') {
  if (!isRoot) return {}
  const id = (flag) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

const living = new Map()

/** Starts a service's process; its output is kept for the error message. */
export function start(name, [command, ...args], options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options, env: { PATH, ...options.env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      output = (output + data).slice(-4000)
    })
  child.on('error', (error) => {
    output += error.message
  })
  living.set(name, child)
  return { child, output: () => output }
}

/** Ends a process that `start` started: SIGTERM, and SIGKILL after 12 s. */
export async function stop(name) {
  const child = living.get(name)
  living.delete(name)
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill(name === 'postgres' ? 'SIGINT' : 'SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 12_000)
  await gone
  clearTimeout(timer)
}

export async function stopAll() {
  for (const name of [...living.keys()].reverse()) await stop(name)
}

/** Runs a health check once, as the engine does: exit code 0 within its timeout. */
export function isHealthy([kind, ...command], options) {
  const [program, ...args] = kind === 'CMD-SHELL' ? ['sh', '-c', command[0]] : command
  return spawnSync(program, args, { timeout: 5000, ...options, env: { PATH, ...options.env } }).status === 0
}
