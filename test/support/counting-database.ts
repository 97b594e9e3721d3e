import type { Database, SqlParameter } from '../../src/db/database.js'

export interface CountingDatabase {
  readonly db: Database
  /** Statements read outside of transactions, since the last call, whose text (of Prisma's: whose code) has the word. */
  count(word: string): number
}

/** The same database, which counts what is read through it. */
export function countingDatabase(db: Database): CountingDatabase {
  let texts: string[] = []
  const counting: Database = {
    ...db,
    reading: () => counting,
    rows: async <Row>(text: string, ...parameters: SqlParameter[]) => {
      texts.push(text)
      return db.rows<Row>(text, ...parameters)
    },
    texts: async (text, ...parameters) => {
      texts.push(text)
      return db.texts(text, ...parameters)
    },
    prisma: async (operation) => {
      texts.push(String(operation))
      return db.prisma(operation)
    },
  }
  return {
    db: counting,
    count(word) {
      const found = texts.filter((text) => text.includes(word)).length
      texts = []
      return found
    },
  }
}
