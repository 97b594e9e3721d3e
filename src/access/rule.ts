import type { ExecutionId } from '../core/ids.js'
import type { Right, Role } from '../core/principal.js'
import type { Services } from '../orchestrator/services.js'

/** What a caller did, as the audit keeps it; null in a rule: nothing to keep. */
export interface AuditAction {
  readonly action: string
  readonly executionId: ExecutionId | null
  readonly subject: string | null
  /** How many variables it was about; 1 for what is not a write. */
  readonly count: number
}

/** Who may call a method of a service, and which of its arguments come from the caller. */
export interface Rule<Args extends readonly unknown[] = readonly unknown[], Result = unknown> {
  /** `nobody`: not for callers of the API, whoever they are. */
  readonly right: Right | 'nobody'
  /** The one execution that the call is about. Without it a caller who is bound to executions may not call at all. */
  readonly execution?: (...args: Args) => ExecutionId | null
  /** The one task that it is about. */
  readonly task?: (...args: Args) => string
  /** What one may not see is NOT_FOUND; `null` for a method that returns null when there is nothing. */
  readonly whenHidden?: 'null'
  /** Writes the caller into the arguments, whatever the API layer put there. */
  readonly actor?: (actor: string, ...args: Args) => Args
  /** Writes the caller's role into the arguments. */
  readonly role?: (role: Role, ...args: Args) => Args
  /** A call that waits or streams stops with this signal, which also ends with the session. */
  readonly signal?: {
    readonly of: (...args: Args) => AbortSignal | undefined
    readonly put: (signal: AbortSignal, ...args: Args) => Args
  }
  readonly isStream?: boolean
  readonly audit?: (result: Result, ...args: Args) => AuditAction | readonly AuditAction[] | null
}

type RuleOf<Method> = Method extends (...args: infer Args) => infer Result
  ? Result extends AsyncGenerator
    ? Rule<Args, never> & Required<Pick<Rule<Args>, 'signal'>> & { readonly isStream: true }
    : Rule<Args, Awaited<Result>> & { readonly isStream?: never }
  : never

/** One rule for every method of every service: a method without one does not compile. */
export type Policy = {
  readonly [Name in keyof Services]: { readonly [Method in keyof Services[Name]]: RuleOf<Services[Name][Method]> }
}
