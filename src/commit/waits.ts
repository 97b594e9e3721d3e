import type { Draft } from './draft.js'
import type { Needs } from './load.js'

/** What ends the waits that changes fulfil, within the transaction of these changes. */
export interface Waits {
  /**
   * Carried out after each work that has changed variables of an execution with open waits. What it throws undoes the transaction. `began`: by
   * `performance.now()`, when its transaction's works began.
   */
  settle(draft: Draft, began: number): Generator<Needs, void, void>
  /** What follows the commit of a draft in which steps ended. */
  committed(draft: Draft): Promise<void> | undefined
}

export interface WaitsLine extends Waits {
  /** The engine says how, once it is there. */
  register(waits: Waits): void
}

/** Between the queues that change executions and the engine, which stands above them. Without an engine waits stay open. */
export function createWaits(): WaitsLine {
  let engine: Waits | null = null
  return {
    *settle(draft, began) {
      if (engine) yield* engine.settle(draft, began)
    },
    committed: (draft) => engine?.committed(draft),
    register(waits) {
      engine = waits
    },
  }
}
