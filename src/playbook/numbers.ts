const MAX_SECONDS = 31_536_000

/** What a number of a playbook must be, whether it is written or comes of a template. */
export interface NumberRule {
  /** `an integer of at least 1` */
  readonly what: string
  readonly accepts: (value: number) => boolean
  /** Whether a text of digits counts, as command lines and forms give them. */
  readonly takesDigits?: boolean
}

/** An integer of at least so much. */
export function countRule(least: number): NumberRule {
  return { what: `an integer of at least ${least}`, accepts: (value) => Number.isSafeInteger(value) && value >= least }
}

export const TIMEOUT_RULE: NumberRule = {
  what: 'a number of seconds above 0',
  accepts: (value) => value > 0 && value <= MAX_SECONDS,
  takesDigits: true,
}

export const DELAY_RULE: NumberRule = {
  what: 'a number of seconds of at least 0',
  accepts: (value) => value >= 0 && value <= MAX_SECONDS,
  takesDigits: true,
}

/** The rules of the numbers of `retry`, by their names in a playbook. */
export const RETRY_RULES = {
  max_attempts: {
    what: 'an integer of at least 1',
    accepts: (value) => Number.isInteger(value) && value >= 1 && value <= MAX_SECONDS,
    takesDigits: true,
  },
  initial_delay: DELAY_RULE,
  backoff_multiplier: { ...DELAY_RULE, what: 'a number of at least 0' },
  max_delay: DELAY_RULE,
} as const satisfies Readonly<Record<string, NumberRule>>
