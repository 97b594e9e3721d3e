import type { Database, Transaction } from '../../db/database.js'
import { type Backstop, EvaluationTimeout } from '../../template/index.js'

interface BackstopDependencies {
  readonly db: Database
  readonly elapsedMs?: (() => number) | undefined
}

/**
 * A transaction that evaluates templates. When the clock stops one of them, everything is rolled back and done once more;
 * only if the clock stops it again does the template fail, with TEMPLATE_FORBIDDEN.
 */
export async function evaluatingTransaction<T>(
  { db, elapsedMs = () => performance.now() }: BackstopDependencies,
  work: (tx: Transaction, backstop: Backstop) => Promise<T>,
): Promise<T> {
  const attempt = (isLastTry: boolean) => db.transaction((tx) => work(tx, { elapsedMs, isLastTry }))
  try {
    return await attempt(false)
  } catch (error) {
    if (!(error instanceof EvaluationTimeout)) throw error
    return attempt(true)
  }
}
