import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A folder of the kernel's control groups, in which a warm parent makes one for each call. */
export interface MemoryGroup {
  readonly version: 1 | 2
  readonly folder: string
  /** Given to the warm parent, which needs no path to it. */
  readonly descriptor: number
  /** Once the parent has the descriptor. */
  closeDescriptor(): void
  /** When all of its processes have ended, or are about to. */
  remove(): Promise<void>
}

interface Hierarchy {
  readonly version: 1 | 2
  /** The group that this process is in. */
  readonly own: string
}

const PREFIX = 'transient-'
/** Under version 2 a group that has others below itself holds no process: the server goes into one of its own. */
const SERVER = `${PREFIX}server`
const REMOVE_TRIES = 40
const REMOVE_PAUSE_MS = 50
let made = 0

/**
 * Makes a folder below the group of this process: with version 1 for root, with version 2 where the group is delegated to this
 * user (systemd's `Delegate=memory`) or this user is root, and no process is in it but the server and what it started.
 * Null where that cannot be had.
 */
export function openMemoryGroup(): MemoryGroup | null {
  const hierarchy = findHierarchy()
  if (hierarchy === null) return null
  const { version, own } = hierarchy
  try {
    const parent = version === 2 ? delegated(own) : own
    removeAbandoned(parent)
    const folder = join(parent, `${PREFIX}${process.pid}-${made++}`)
    mkdirSync(folder, 0o700)
    try {
      if (version === 2) writeFileSync(join(folder, 'cgroup.subtree_control'), '+memory')
      const descriptor = openSync(folder, 'r')
      return { version, folder, descriptor, closeDescriptor: () => closeSync(descriptor), remove: () => removeSoon(folder) }
    } catch (error) {
      rmdirSync(folder)
      throw error
    }
  } catch {
    return null
  }
}

function findHierarchy(): Hierarchy | null {
  try {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map(mountOf)
    const paths = new Map(
      [...readFileSync('/proc/self/cgroup', 'utf8').matchAll(/^\d+:(.*?):(.*)$/gm)].flatMap(([, names = '', path = '']) =>
        names.split(',').map((name) => [name, path] as const),
      ),
    )
    const first = mounts.find(({ kind, options }) => kind === 'cgroup' && options.includes('memory'))
    if (first !== undefined && paths.has('memory')) return { version: 1, own: inside(first, paths.get('memory') ?? '') }
    const second = mounts.find(({ kind }) => kind === 'cgroup2')
    if (second === undefined) return null
    const own = inside(second, paths.get('') ?? '')
    return readFileSync(join(own, 'cgroup.controllers'), 'utf8').trim().split(' ').includes('memory') ? { version: 2, own } : null
  } catch {
    return null
  }
}

interface Mount {
  readonly root: string
  readonly at: string
  readonly kind: string
  readonly options: readonly string[]
}

/** A line of mountinfo: `36 35 98:0 <root> <mount point> <options> ... - <kind> <source> <options>`. */
function mountOf(line: string): Mount {
  const [before = '', after = ''] = line.split(' - ')
  const [, , , root = '', at = ''] = before.split(' ')
  const [kind = '', , options = ''] = after.split(' ')
  return { root, at, kind, options: options.split(',') }
}

/** In a container the mount may show no more than a part of the hierarchy. */
function inside({ root, at }: Mount, path: string): string {
  return join(at, root !== '/' && path.startsWith(root) ? path.slice(root.length) : path)
}

/**
 * The group below which others may have limits.
 * @throws Error where it cannot be arranged; then everything is as before
 */
function delegated(own: string): string {
  if (basename(own) === SERVER) return dirname(own)
  const control = join(own, 'cgroup.subtree_control')
  if (readFileSync(control, 'utf8').trim().split(' ').includes('memory')) return own
  const members = readFileSync(join(own, 'cgroup.procs'), 'utf8').trim().split('\n')
  if (!members.every(isOwn)) throw new Error('there are processes of others in the group')
  const server = join(own, SERVER)
  mkdirSync(server, { recursive: true })
  try {
    for (const pid of members) writeFileSync(join(server, 'cgroup.procs'), pid)
    writeFileSync(control, '+memory')
  } catch (error) {
    for (const pid of members) writeFileSync(join(own, 'cgroup.procs'), pid)
    rmdirSync(server)
    throw error
  }
  return own
}

/** This process, or one that it started. */
function isOwn(pid: string): boolean {
  for (let each = pid; Number(each) > 0; ) {
    if (each === String(process.pid)) return true
    each = readFileSync(`/proc/${each}/stat`, 'utf8').split(')').at(-1)?.trim().split(' ')[1] ?? '0'
  }
  return false
}

/** What servers left that did not come to their own end. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-\\d+$`).exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) removeNow(join(parent, name))
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

async function removeSoon(folder: string): Promise<void> {
  for (let tries = 0; tries < REMOVE_TRIES && !removeNow(folder); tries++) await delay(REMOVE_PAUSE_MS)
}

function removeNow(folder: string): boolean {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) rmdirSync(join(folder, entry.name))
    rmdirSync(folder)
    return true
  } catch {
    return false
  }
}
