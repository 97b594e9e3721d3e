import type { TransientError } from '../core/errors.js'
import { linkSignals } from '../core/linked-signal.js'

/** The end of a session, once: what is open then ends with the reason. */
export interface Ending {
  /** null while the credential is good. */
  readonly reason: TransientError | null
  /** Whether anything waits for it: an open stream, a socket. */
  readonly isWatched: boolean
  end(reason: TransientError): void
  /** Calls back when it ends, at once when it has. Returns how to forget the listener. */
  onEnd(listener: () => void): () => void
}

export function createEnding(): Ending {
  const listeners = new Set<() => void>()
  let reason: TransientError | null = null
  return {
    get reason() {
      return reason
    },
    get isWatched() {
      return listeners.size > 0
    },
    end(given) {
      if (reason !== null) return
      reason = given
      const told = [...listeners]
      listeners.clear()
      for (const listener of told) listener()
    },
    onEnd(listener) {
      if (reason === null) listeners.add(listener)
      else listener()
      return () => listeners.delete(listener)
    },
  }
}

/** A signal that also aborts when the session ends; `release` forgets both sources. */
export function untilEnding(ending: Ending, outer: AbortSignal | undefined): { signal: AbortSignal; release(): void } {
  const { signal, abort, release } = linkSignals([outer])
  const forget = ending.onEnd(() => abort())
  return {
    signal,
    release() {
      forget()
      release()
    },
  }
}
