import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { within } from '../support/pace.js'
import type { Operation } from './operations.js'

const CHILD = fileURLToPath(new URL('./allocations-child.ts', import.meta.url))
/** A young generation that holds all that one measurement allocates. */
const FLAGS = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256', '--import', 'tsx']

/**
 * Bytes that one operation allocates on the embedded database, its driver's included, as measured on 2026-11-29 (Node 20). They
 * say what an operation costs whatever the speed of the machine.
 */
const MEASURED: Readonly<Record<Operation, number>> = { write: 585_000, read: 204_000, list: 652_000 }
/** Another version of Node or of a package moves them a little; twice as much is a regression. */
const TOLERANCE = 1.5

it('no operation allocates much more than it did', { timeout: within(300_000) }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [...FLAGS, CHILD])
  const found = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<Operation, number>
  console.info(`bytes allocated by one operation: ${JSON.stringify(found)}`)
  for (const [operation, measured] of Object.entries(MEASURED)) {
    const bytes = found[operation as Operation]
    expect(bytes, `${operation}: ${bytes} bytes, ${measured} when it was measured`).toBeLessThan(measured * TOLERANCE)
  }
})
