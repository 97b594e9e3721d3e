import { accessSync, constants, lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programEnvironment } from '../../config.js'
import type { Interpreter } from './interpreter.js'
import type { MemoryGroup } from './memory-group.js'

/** How calls are kept apart from the machine: see confine.py. */
export type Mode = 'root' | 'user' | 'plain'

/** A program to start, with all of its arguments. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
}

export interface SandboxOptions {
  readonly mode: Mode
  readonly interpreter: Interpreter
  readonly isNetworkOpen: boolean
  readonly memoryMib: number
  readonly group: MemoryGroup | null
}

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const INSIDE = '/run/transient'
/** Of the machine's settings only those that programs need to find names, certificates and the time. */
const ETC = [
  ...['alternatives', 'ca-certificates', 'crypto-policies', 'gai.conf', 'group', 'host.conf', 'hosts', 'ld.so.cache'],
  ...['ld.so.conf', 'ld.so.conf.d', 'localtime', 'mime.types', 'nsswitch.conf', 'passwd', 'pki', 'protocols', 'resolv.conf'],
  ...['services', 'ssl', 'timezone'],
]
/** Parts of the system that are shown whole; what lies below them needs no mount of its own. */
const SYSTEM = ['/usr', '/nix/store', '/gnu/store']
const ROOT_LINKS = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']
/** Never shown, whatever an interpreter names as its prefix. */
const TOO_MUCH = new Set(['/', '/home', '/root', '/etc', '/var', '/proc', '/sys', '/dev', '/tmp', '/run', '/opt', '/srv'])
/** What the warm parent needs to make a room for each call; the code itself gets none of it. */
const CAPABILITIES = ['CAP_SYS_ADMIN', 'CAP_SETUID', 'CAP_SETGID']
const PARENT_TMP_BYTES = 1024 * 1024

/** The modes worth a try on this machine, the strongest first. */
export function modesOf(): readonly Mode[] {
  if (process.platform !== 'linux' || findProgram('bwrap') === null) return ['plain']
  return [process.getuid?.() === 0 ? 'root' : 'user', 'plain']
}

/** The command line of the warm parent in a mode. */
export function commandOf({ mode, interpreter, isNetworkOpen, memoryMib, group }: SandboxOptions): Command {
  const run = (folder: string) => [
    ...['-I', '-B', join(folder, 'runner.py')],
    ...[mode, String(memoryMib), isNetworkOpen ? 'open' : 'closed', String(group?.version ?? 0)],
  ]
  if (mode === 'plain') return { file: interpreter.executable, args: run(FOLDER) }
  const args = [...namespaces(mode, group), ...view(interpreter), '--', interpreter.executable, ...run(INSIDE)]
  return { file: findProgram('bwrap') ?? 'bwrap', args }
}

function namespaces(mode: Mode, group: MemoryGroup | null): string[] {
  return [
    ...['--die-with-parent', '--new-session', '--unshare-pid', '--unshare-ipc', '--unshare-uts'],
    // From inside such a namespace no process may be moved into the groups of calls, which get namespaces of their own there.
    ...(group === null ? ['--unshare-cgroup-try'] : []),
    // Inside its own user namespace an ordinary user may do what root may, to that namespace alone.
    ...(mode === 'user' ? ['--unshare-user', '--uid', '0', '--gid', '0'] : []),
    ...CAPABILITIES.flatMap((capability) => ['--cap-add', capability]),
  ]
}

function view(interpreter: Interpreter): string[] {
  return [
    ...SYSTEM.flatMap((path) => ['--ro-bind-try', path, path]),
    ...ROOT_LINKS.flatMap(rootEntry),
    ...ETC.flatMap((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
    ...['--proc', '/proc', '--dev', '/dev', '--size', String(PARENT_TMP_BYTES), '--tmpfs', '/tmp'],
    ...interpreterPaths(interpreter).flatMap((path) => [...foldersAbove(path), '--ro-bind', path, path]),
    ...scripts().flatMap((name) => ['--ro-bind', join(FOLDER, name), join(INSIDE, name)]),
    ...['--remount-ro', '/dev', '--remount-ro', '/', '--chdir', '/tmp'],
    ...['--setenv', 'HOME', '/tmp', '--setenv', 'TMPDIR', '/tmp', '--setenv', 'USER', 'nobody'],
  ]
}

function scripts(): string[] {
  return readdirSync(FOLDER).filter((name) => name.endsWith('.py'))
}

function rootEntry(path: string): string[] {
  try {
    return lstatSync(path).isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path]
  } catch {
    return []
  }
}

/** What the interpreter needs beside the system's folders, none inside another. */
function interpreterPaths({ executable, paths }: Interpreter): string[] {
  const wanted = [...new Set([...paths, executable, ...paths.map(realPath)])].filter(
    (path) => !TOO_MUCH.has(path) && ![...SYSTEM, ...ROOT_LINKS].some((system) => isWithin(path, system)),
  )
  return wanted.filter((path) => !wanted.some((other) => other !== path && isWithin(path, other))).sort()
}

/** Left to itself bubblewrap makes those of root's home folder as closed as it is. */
function foldersAbove(path: string): string[] {
  const folder = dirname(path)
  return folder === '/' ? [] : [...foldersAbove(folder), '--dir', folder]
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

function findProgram(name: string): string | null {
  for (const folder of (programEnvironment()['PATH'] ?? '').split(delimiter).filter((path) => path.startsWith('/'))) {
    const file = join(folder, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // not in this one
    }
  }
  return null
}
