import fc from 'fast-check'

/** With TEST_SEED property tests are repeatable too; without it every run looks elsewhere. A failure prints its seed. */
const seed = process.env['TEST_SEED']
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) })
