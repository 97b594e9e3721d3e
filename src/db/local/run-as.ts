import { execFile } from 'node:child_process'
import { chown, stat } from 'node:fs/promises'
import { promisify } from 'node:util'

/** How a program of PostgreSQL is started: it refuses to run as root. */
export interface RunAs {
  /** What stands before the program and its arguments. */
  readonly prefix: readonly string[]
  /** Another user and group than this process's; null: the same. */
  readonly ids: { readonly uid: number; readonly gid: number } | null
}

const run = promisify(execFile)
const NAMESPACE = ['unshare', '--user', '--map-user=1000', '--map-group=1000', '--']
/** `nobody` of most systems. */
const NOBODY = 65_534
const SAME_USER: RunAs = { prefix: [], ids: null }

/**
 * An ordinary user runs it as itself. Root runs it in a user namespace in which root has an ordinary id, so that it reaches a folder
 * that only root may enter; where there are no namespaces, as `nobody`, who then owns `folder`.
 * @throws Error with what to do, where neither is possible
 */
export async function chooseUser(folder: string): Promise<RunAs> {
  if (process.getuid?.() !== 0) return SAME_USER
  const { uid: owner } = await stat(folder)
  if (owner === 0 && (await succeeds([...NAMESPACE, 'true']))) return { prefix: NAMESPACE, ids: null }
  const ids = owner === 0 ? { uid: NOBODY, gid: NOBODY } : { uid: owner, gid: owner }
  await chown(folder, ids.uid, ids.gid)
  if (await succeeds(['test', '-w', folder], ids)) return { prefix: [], ids }
  throw new Error(
    `PostgreSQL refuses to run as root, and this machine neither allows user namespaces nor lets the user ${ids.uid} enter ${folder}: ` +
      'start the server as an ordinary user, give it a DATA_DIR that every user may pass through, or set DATABASE_URL',
  )
}

async function succeeds([program = '', ...given]: readonly string[], ids: RunAs['ids'] = null): Promise<boolean> {
  return run(program, given, { ...ids }).then(
    () => true,
    () => false,
  )
}
