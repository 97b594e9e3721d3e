import type { Principal } from '../core/principal.js'

/** A credential that was good when it was looked at. */
export interface Verified {
  readonly principal: Principal
  /** What asking again needs. */
  readonly proof: string
}

/** One kind of credential. */
export interface Verifier {
  /** Whether a text is of this kind at all; says nothing about whether it is good. */
  recognises(given: string): boolean
  /** null: not good. @throws when that cannot be told now */
  verify(given: string): Promise<Verified | null>
  /** Those that are still good; asked every other second for all that are in use. Absent: only time ends them. */
  stillGood?(known: readonly Verified[]): Promise<readonly Verified[]>
  /** Called at each use. */
  used?(known: Verified): void
}
