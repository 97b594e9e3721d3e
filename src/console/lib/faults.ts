import type { CombinedError } from '@urql/core'

/** What went wrong, for a reader: the code, the server's words, and what to do. */
export interface Fault {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly details: Readonly<Record<string, unknown>>
}

const HINTS: Readonly<Record<string, string>> = {
  UNREACHABLE: 'Is it running? The page goes on by itself as soon as the server answers.',
  UNAUTHENTICATED: 'Log in with a key, at the top right.',
  FORBIDDEN: 'Your key does not allow this. Ask whoever runs the server for one that does.',
  NOT_FOUND: 'Check the address: it may have been removed after its retention period.',
  CONFLICT: 'Somebody else changed it meanwhile: compare, then decide.',
  EXECUTION_FINISHED: 'A finished execution is history. Rerun it with other variables instead.',
  TOO_LARGE: 'Make it smaller, or store it elsewhere and keep a reference here.',
  REVISION_GONE: 'The change log was trimmed. Look at a later revision.',
  RATE_LIMITED: 'Wait a moment, then try again.',
  OVERLOADED: 'Wait a moment, then try again.',
  PLAYBOOK_INVALID: 'Correct the lines that are marked.',
  INTERNAL: 'Look in the server log for the id in the message.',
}

/** Faults that pass by themselves: who only reads asks again, as long as it takes. */
const PASSING = new Set(['UNREACHABLE', 'OVERLOADED', 'RATE_LIMITED'])

export function isRetryable(fault: Fault | null): boolean {
  return fault !== null && PASSING.has(fault.code)
}

/** Faults that only another credential changes. */
export function isForbidden(fault: Fault | null): boolean {
  return fault?.code === 'UNAUTHENTICATED' || fault?.code === 'FORBIDDEN'
}

export function hintFor(code: string): string {
  return HINTS[code] ?? 'Correct what the message names, then try again.'
}

/** A fault out of GraphQL's `{message, extensions: {code, ...}}`. */
export function faultOf({ message, extensions }: { message: string; extensions?: Record<string, unknown> }): Fault {
  const { code, ...details } = extensions ?? {}
  const known = typeof code === 'string' ? code : 'INTERNAL'
  return { code: known, message, hint: hintFor(known), details }
}

/** The first thing that went wrong with an operation; null when nothing did. */
export function describeError(error: CombinedError | undefined | null): Fault | null {
  if (!error) return null
  const [first] = error.graphQLErrors
  if (first) return faultOf(first)
  if (error.response && (error.response as Response).status === 403)
    return faultOf({ message: error.networkError?.message ?? '', extensions: { code: 'FORBIDDEN' } })
  return {
    code: 'UNREACHABLE',
    message: 'The server does not answer.',
    hint: hintFor('UNREACHABLE'),
    details: {},
  }
}
