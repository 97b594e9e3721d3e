import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, Sql, SqlParameter } from './database.js'
import { isSerialisationFailure, translateError } from './errors.js'
import type { PrismaClient } from './generated/client.js'

const MAX_TRIES = 3
const TRANSACTION_OPTIONS = { maxWait: 60_000, timeout: 120_000 }

/** What Prisma's client and its transactions have in common. */
interface RawClient {
  $queryRawUnsafe<T>(text: string, ...parameters: unknown[]): Promise<T>
  $executeRawUnsafe(text: string, ...parameters: unknown[]): Promise<number>
}

interface PrismaDatabaseOptions {
  readonly prisma: PrismaClient
  readonly dialect: Database['dialect']
  /** Called inside a transaction; its answer throws after the end, where the driver kept a failed commit to itself. */
  readonly commitCheck?: () => () => void
  /** What must be closed after the client. */
  readonly release: () => Promise<void>
}

/** The `Database` over a Prisma client, whichever driver adapter it has. */
export function createPrismaDatabase({
  prisma,
  dialect,
  release,
  commitCheck = () => () => undefined,
}: PrismaDatabaseOptions): Database {
  const isShared = dialect === 'pglite'
  let closing: Promise<void> | null = null
  return {
    ...createSql(prisma),
    dialect,
    prisma,
    async transaction(work) {
      for (let tries = 1; ; tries += 1) {
        try {
          // A writer that submits again at once would starve the readers of PGlite's only connection.
          if (isShared) await new Promise(setImmediate)
          const [answer, checkCommit] = await prisma.$transaction(
            async (tx) => [await work(createSql(tx)), commitCheck()] as const,
            TRANSACTION_OPTIONS,
          )
          checkCommit()
          return answer
        } catch (error) {
          if (tries >= MAX_TRIES || !isSerialisationFailure(error)) throw translateError(error)
          await sleep(Math.random() * 20 * tries)
        }
      }
    },
    close() {
      closing ??= prisma.$disconnect().then(release)
      return closing
    },
  }
}

function createSql(client: RawClient): Sql {
  return {
    rows: <Row>(text: string, ...parameters: SqlParameter[]) => translated(client.$queryRawUnsafe<Row[]>(text, ...parameters)),
    run: (text, ...parameters) => translated(client.$executeRawUnsafe(text, ...parameters)),
  }
}

async function translated<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw translateError(error)
  }
}
