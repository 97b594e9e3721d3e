import type { Database, Sql, SqlParameter, Transaction } from '../../src/db/database.js'

export interface DyingDatabase {
  readonly db: Database
  /** Statements so far; a commit's answer counts as one. */
  statements(): number
  readonly isDead: () => boolean
  /** Resolves at the moment of death. */
  readonly died: Promise<void>
}

/**
 * The connections of a process that is killed at its n-th statement: that one and all after it fail, and an open
 * transaction is rolled back. The answer to a commit counts too: killed there, the transaction stands and nobody heard of it.
 */
export function dyingDatabase(db: Database, diesAt: number): DyingDatabase {
  let count = 0
  let die: () => void = () => undefined
  const died = new Promise<void>((resolve) => {
    die = resolve
  })
  const step = () => {
    count += 1
    if (count < diesAt) return
    die()
    throw new Error('the process was killed')
  }
  const wrap = (sql: Sql): Sql => ({
    rows: async <Row>(text: string, ...parameters: SqlParameter[]) => {
      step()
      return sql.rows<Row>(text, ...parameters)
    },
    texts: async (text, ...parameters) => {
      step()
      return sql.texts(text, ...parameters)
    },
    run: async (text, ...parameters) => {
      step()
      return sql.run(text, ...parameters)
    },
    prisma: async (operation) => {
      step()
      return sql.prisma(operation)
    },
  })
  const wrapTransaction = (tx: Transaction): Transaction => ({
    ...wrap(tx),
    send(text, ...parameters) {
      step()
      tx.send(text, ...parameters)
    },
  })
  return {
    db: {
      ...wrap(db),
      refusal: db.refusal,
      async transaction(work) {
        const answer = await db.transaction((tx) => work(wrapTransaction(tx)))
        step()
        return answer
      },
      async alone<Row>(text: string, ...parameters: SqlParameter[]) {
        const rows = await db.alone<Row>(text, ...parameters)
        step()
        return rows
      },
      reading: (signal) => wrap(db.reading(signal)),
      close: () => db.close(),
    },
    statements: () => count,
    isDead: () => count >= diesAt,
    died,
  }
}
