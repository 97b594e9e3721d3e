import fc from 'fast-check'
import { afterAll, vi } from 'vitest'

/** With TEST_SEED property tests are repeatable too; without it every run looks elsewhere. A failure prints its seed. */
const seed = process.env['TEST_SEED']
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) })

/** Files share a process: none leaves an environment or a clock to the next one. */
const environment = { ...process.env }
afterAll(() => {
  vi.useRealTimers()
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name]
  Object.assign(process.env, environment)
})
