import { UndecidedCommit } from '../core/errors.js'
import { isUnreachable } from './errors.js'
import type { RunStatement } from './statement.js'

/** BEGIN travels with the first statements of the work, COMMIT with the last that were sent. Whoever calls rolls back what fails. */
export async function inTransaction<T>(run: RunStatement, work: (statement: RunStatement) => Promise<T>): Promise<T> {
  let refusal: unknown = null
  run('BEGIN', []).catch((error: unknown) => {
    refusal = error
  })
  const answer = await work((text, parameters, form) =>
    // Outside of a transaction it would stand at once.
    refusal === null ? run(text, parameters, form) : Promise.reject(refusal),
  )
  try {
    await run('COMMIT', [])
  } catch (error) {
    throw undecidedWithoutAnswer(error)
  }
  return answer
}

/** What was sent and got no answer may have happened. */
export function undecidedWithoutAnswer(error: unknown): unknown {
  return isUnreachable(error) ? new UndecidedCommit(error) : error
}
