import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { TransientError } from '../core/errors.js'
import { MACHINE_COUNT } from '../core/ids.js'
import type { Database } from './database.js'
import { databaseTime } from './now.js'

const LEASE_MS = 60_000
const RENEW_MS = 20_000

/** A Snowflake machine number that no other process has at the same time. */
export interface MachineLease {
  readonly machine: number
  /** Whether the lease is still ours; after a longer loss of the database it may not be. */
  isValid(): boolean
  /** Extends the lease now; false when another process has taken the number. */
  renew(): Promise<boolean>
  release(): Promise<void>
}

interface MachineLeaseOptions {
  /** Told when the lease could not be renewed. */
  readonly onLost?: (error: unknown) => void
}

/**
 * Leases a free machine number for 60 s and renews it every 20 s until released.
 * @throws TransientError OVERLOADED when all 1,024 numbers are leased
 */
export async function leaseMachine(db: Database, { onLost = () => undefined }: MachineLeaseOptions = {}): Promise<MachineLease> {
  const owner = `${hostname()}:${process.pid}:${randomUUID()}`
  const machine = await takeNumber(db, owner)
  let validUntil = Date.now() + LEASE_MS
  const renew = async () => {
    const renewedAt = Date.now()
    const leasedUntil = new Date((await databaseTime(db)).getTime() + LEASE_MS)
    const { count } = await db.prisma((client) => client.machine.updateMany({ where: { machine, owner }, data: { leasedUntil } }))
    validUntil = count === 1 ? renewedAt + LEASE_MS : 0
    return count === 1
  }
  const timer = setInterval(() => {
    renew().then((isOurs) => {
      if (!isOurs) onLost(new Error(`the machine number ${machine} was taken by another process`))
    }, onLost)
  }, RENEW_MS)
  timer.unref()
  return {
    machine,
    isValid: () => Date.now() < validUntil,
    renew,
    async release() {
      clearInterval(timer)
      validUntil = 0
      await db.prisma((client) => client.machine.deleteMany({ where: { machine, owner } }))
    },
  }
}

/**
 * By hand, because the start takes a number, and does not wait until Prisma's client is loaded. The lock makes two processes that start together choose
 * one after the other.
 */
async function takeNumber(db: Database, owner: string): Promise<number> {
  const [row] = await db.transaction(async (tx) => {
    await tx.run('LOCK TABLE transient.machine IN EXCLUSIVE MODE')
    return tx.rows<{ machine: number }>(
      `INSERT INTO transient.machine (machine, owner, leased_until)
       SELECT number, $1::text, now() + $2::int * interval '1 millisecond'
       FROM generate_series(0, $3::int - 1) AS number
       WHERE NOT EXISTS (SELECT 1 FROM transient.machine AS taken WHERE taken.machine = number AND taken.leased_until > now())
       ORDER BY number LIMIT 1
       ON CONFLICT (machine) DO UPDATE SET owner = excluded.owner, leased_until = excluded.leased_until
       RETURNING machine`,
      owner,
      LEASE_MS,
      MACHINE_COUNT,
    )
  })
  if (row === undefined) {
    throw new TransientError(
      'OVERLOADED',
      `all ${MACHINE_COUNT} machine numbers are in use; stop a process or try again in a minute`,
    )
  }
  return row.machine
}
