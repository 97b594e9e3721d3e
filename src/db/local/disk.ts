import { statfs } from 'node:fs/promises'

/** Without room PostgreSQL could not write its log, and would stop: some segments of it, and what is written between two looks. */
const RESERVE_BYTES = 128 * 1024 ** 2
const LOOK_MS = 250

/** `full`: so little room is left that nothing may be written; `gone`: the folder is not there any more. */
export type DiskState = 'well' | 'full' | 'gone'

/** Looks at the disk of a folder four times a second, as long as this process runs. */
export interface DiskWatch {
  state(): DiskState
  stop(): void
}

export interface DiskWatchOptions {
  readonly folder: string
  readonly onChange: (state: DiskState) => void
}

export function watchDisk({ folder, onChange }: DiskWatchOptions): DiskWatch {
  let state: DiskState = 'well'
  const look = async () => {
    const found = await statfs(folder).then(
      ({ bavail, bsize }): DiskState => (bavail * bsize < RESERVE_BYTES ? 'full' : 'well'),
      (): DiskState => 'gone',
    )
    if (found === state) return
    state = found
    onChange(found)
  }
  const timer = setInterval(look, LOOK_MS)
  timer.unref()
  void look()
  return { state: () => state, stop: () => clearInterval(timer) }
}
