import { type PGlite, types } from '@electric-sql/pglite'
import type { RunPlain } from './pglite-packet.js'

type Parsers = Readonly<Record<number, (text: string, type: number) => unknown>>

/** What Prisma's adapter uses of a PGlite: rows as arrays, parsed by its own parsers, and transactions. */
export function prismaClientOn(alone: RunPlain, exclusively: <T>(work: (run: RunPlain) => Promise<T>) => Promise<T>): PGlite {
  const client = {
    ...queriesOn(alone),
    transaction: <T>(work: (tx: object) => Promise<T>) =>
      exclusively(async (run) => {
        let isOpen = true
        const end = async (text: 'COMMIT' | 'ROLLBACK') => {
          if (isOpen) await run(text, [])
          isOpen = false
        }
        await run('BEGIN', [])
        try {
          const answer = await work({ ...queriesOn(run), rollback: () => end('ROLLBACK') })
          await end('COMMIT')
          return answer
        } catch (error) {
          await end('ROLLBACK').catch(() => undefined)
          throw error
        }
      }),
  }
  return client as unknown as PGlite
}

function queriesOn(run: RunPlain) {
  return {
    async query(text: string, parameters: readonly unknown[] = [], { parsers = {} }: { parsers?: Parsers } = {}) {
      const { fields, rows, count } = await run(text, parameters)
      const parse = fields.map(({ dataTypeID }) => {
        const parser = parsers[dataTypeID] ?? (types.parsers as Parsers)[dataTypeID]
        return (value: string | null) => (value === null || parser === undefined ? value : parser(value, dataTypeID))
      })
      return { fields, affectedRows: count, rows: rows.map((row) => row.map((value, index) => parse[index]?.(value))) }
    },
    exec: (text: string) => run(text, []),
  }
}
