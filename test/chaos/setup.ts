import { build } from '../support/build.js'

/** Servers on PostgreSQL need no folder of the embedded database. */
export function setup(): void {
  build()
}
