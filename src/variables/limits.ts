import { TransientError } from '../core/errors.js'

/** What one execution may hold. Sizes are UTF-8 lengths of compact JSON. */
export interface VariableLimits {
  readonly valueBytes: number
  readonly executionBytes: number
  readonly variableCount: number
}

export const VARIABLE_LIMITS: VariableLimits = {
  valueBytes: 256 * 1024,
  executionBytes: 10 * 1024 * 1024,
  variableCount: 10_000,
}

interface Excess {
  readonly what: string
  readonly limit: number
  /** null: of a sensitive value even that is not told. */
  readonly size: number | null
  readonly unit: string
  readonly variable: string
}

/** The error for anything over a limit: names the limit, the size and the variable. */
export function tooLarge({ what, limit, size, unit, variable }: Excess): TransientError {
  if (size === null) {
    const message = `${variable}: ${what} would have more ${unit} than the limit, ${limit}`
    return new TransientError('TOO_LARGE', message, { details: { limit, variable } })
  }
  return new TransientError('TOO_LARGE', `${variable}: ${what} would have ${size} ${unit}, the limit is ${limit}`, {
    details: { limit, size, variable },
  })
}
