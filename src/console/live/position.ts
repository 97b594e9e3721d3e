import { createStore } from '../lib/store.js'

/** Where the page that is open stands with what it shows. */
export interface LivePosition {
  /** Everything up to here is shown. */
  readonly revision: number
  /** The newest that the server told of. */
  readonly target: number
  /** Of the first reading. */
  readonly loaded: number
  readonly total: number
  readonly isLoaded: boolean
  /** The revision of the past that one looks at; null: none. */
  readonly asOf: number | null
}

/** null on pages that show no one execution. */
export const livePosition = createStore<LivePosition | null>(null)
