import { mkdir, statfs } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorMessage, TransientError } from '../../core/errors.js'
import { findLockHolders } from '../process-lock.js'
import { addressOf, chooseAddress, leave } from './address.js'
import { findBinaries } from './binaries.js'
import { type Cluster, cancelSteps, createDatabases, openCluster, productUrl, stepsUrl } from './cluster.js'
import { endPostmaster, findPostmaster, type LocalParts, type Postmaster, startPostmaster } from './postmaster.js'

/** A PostgreSQL that this process started in its data folder, and that ends with it. */
export interface LocalPostgres {
  /** The product's own database. */
  readonly url: string
  /** The database of postgres steps that name no connection. */
  readonly stepsUrl: string
  /** Why nothing may be written now (OVERLOADED); null: it may. */
  refusal(): TransientError | null
  close(): Promise<void>
}

export interface LocalPostgresOptions {
  readonly dataDir: string
  readonly log: { info(message: string): void; warn(message: string): void }
  /** Told when the database ended and could not be started again. */
  readonly onLost: (error: Error) => void
}

const REFUSALS = {
  full: 'the disk of DATA_DIR is full: make room there, writes go on by themselves then',
  gone: 'the folder DATA_DIR is gone: put it back and start the server again',
} as const

/** A database without a server that accepts connections is given up by its watcher within a moment; after this, by us. */
const ORPHAN_MS = 5_000
const LOOK_MS = 100
const RESTART_MS = 30_000
const RESTART_PAUSE_MS = 250

/**
 * Starts PostgreSQL in `<dataDir>/postgres`, makes the cluster at the first start, and starts it again when it ends while this
 * process runs.
 * @throws Error with what to do: no binaries for this platform, a folder that is damaged or another's, another server that uses it (named)
 */
export async function startLocalPostgres({ dataDir, log, onLost }: LocalPostgresOptions): Promise<LocalPostgres> {
  await mkdir(dataDir, { recursive: true }).catch((error: unknown) => {
    throw new Error(`the folder ${dataDir} (DATA_DIR) cannot be made: ${errorMessage(error)}`, { cause: error })
  })
  const binaries = await findBinaries(`${dataDir}/lib`)
  const cluster = await openCluster(dataDir, binaries)
  const address = await chooseAddress(cluster.folder)
  const parts = { cluster, binaries, address }
  let postmaster = await startAlone({ ...parts, dataDir })
  const disk = watchDisk({
    folder: cluster.data,
    onChange(state) {
      if (state === 'well') log.info('there is room in DATA_DIR again: writes go on')
      else log.warn(`${REFUSALS[state]}: nothing is written`)
      if (state === 'full') cancelSteps(cluster, address).catch(() => undefined)
    },
  })

  let isClosing = false
  const supervise = async () => {
    for (;;) {
      const lines = await postmaster.ended
      if (isClosing) return
      log.warn(`the database ended and is started again${lines === '' ? '' : `: ${lines}`}`)
      const next = await startAgain(parts, { isClosing: () => isClosing, isFull: () => disk.state() === 'full' })
      if (isClosing) return next instanceof Error ? undefined : next.stop()
      if (next instanceof Error) return onLost(next)
      postmaster = next
      log.info('the database runs again')
    }
  }
  try {
    await createDatabases(cluster, address)
  } catch (error) {
    disk.stop()
    await postmaster.stop()
    throw error
  }
  const supervising = supervise()

  return {
    url: productUrl(cluster, address),
    stepsUrl: stepsUrl(cluster, address),
    refusal() {
      const state = disk.state()
      return state === 'well' ? null : new TransientError('OVERLOADED', REFUSALS[state])
    },
    async close() {
      isClosing = true
      disk.stop()
      await postmaster.stop()
      await supervising
      await leave(address)
    },
  }
}

/** Of several processes that start at once PostgreSQL itself lets one run; the others find out which. */
async function startAlone({ dataDir, ...parts }: LocalParts & { readonly dataDir: string }): Promise<Postmaster> {
  for (;;) {
    await assertUnused(parts.cluster, dataDir)
    try {
      return await startPostmaster(parts)
    } catch (error) {
      if ((await findPostmaster(parts.cluster)) === null) throw error
    }
  }
}

/**
 * Resolves when no database runs on the cluster. One whose server is gone ends within a moment.
 * @throws Error that names the server that uses it
 */
async function assertUnused(cluster: Cluster, dataDir: string): Promise<void> {
  let unusedSince: number | null = null
  for (;;) {
    const running = await findPostmaster(cluster)
    if (running === null) return
    const holders = await findLockHolders(productUrl(cluster, addressOf(running))).catch(() => null)
    if (holders !== null && holders !== '') {
      throw new Error(
        `the data folder ${dataDir} is in use by ${holders}: stop that process, or give this one another DATA_DIR, ` +
          'or a PostgreSQL (DATABASE_URL) and a NATS (NATS_URL), which several processes may share',
      )
    }
    // One that does not answer yet replays its log.
    unusedSince = holders === null ? null : (unusedSince ?? performance.now())
    if (unusedSince !== null && performance.now() - unusedSince > ORPHAN_MS) endPostmaster(running)
    await sleep(LOOK_MS)
  }
}

interface Circumstances {
  isClosing(): boolean
  isFull(): boolean
}

/** While the disk is full it cannot start: then it is tried until there is room. */
async function startAgain(parts: LocalParts, { isClosing, isFull }: Circumstances): Promise<Postmaster | Error> {
  let deadline = performance.now() + RESTART_MS
  for (;;) {
    try {
      return await startPostmaster(parts)
    } catch (error) {
      if (isFull()) deadline = performance.now() + RESTART_MS
      if (isClosing() || performance.now() > deadline) {
        return new Error(`the database ended and could not be started again: ${errorMessage(error)}`)
      }
      await sleep(RESTART_PAUSE_MS)
    }
  }
}

/** Without room PostgreSQL could not write its log, and would stop: some segments of it, and what is written between two looks. */
const RESERVE_BYTES = 128 * 1024 ** 2
const DISK_LOOK_MS = 250

/** `full`: so little room is left that nothing may be written; `gone`: the folder is not there any more. */
type DiskState = 'well' | 'full' | 'gone'

/** Looks at the disk of a folder four times a second, as long as this process runs. */
interface DiskWatch {
  state(): DiskState
  stop(): void
}

interface DiskWatchOptions {
  readonly folder: string
  readonly onChange: (state: DiskState) => void
}

function watchDisk({ folder, onChange }: DiskWatchOptions): DiskWatch {
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
  const timer = setInterval(look, DISK_LOOK_MS)
  timer.unref()
  void look()
  return { state: () => state, stop: () => clearInterval(timer) }
}
