import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { atMost, within } from './test/support/pace.js'
import { pureSuites } from './test/support/suites.js'

const PURE = pureSuites()
const PROCESSES = ['test/e2e/**/*.test.ts', 'test/conformance/**/*.test.ts']

export default defineConfig({
  // Vite would take graphql's .mjs build for our files and Node its .js build for libraries: two realms of the same classes.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    pool: 'forks',
    // The server is imported once for each worker, not for each file, which took a third of the processor time: no file leaves its process
    // other than it was.
    isolate: false,
    // Many files wait most of their time, for leases and for processes: more than there are processors.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    setupFiles: ['./test/support/every-file.ts'],
    expect: { poll: { timeout: within(20_000), interval: 10 } },
    globalSetup: ['./test/support/generate.ts'],
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: PURE, testTimeout: atMost(30_000), hookTimeout: atMost(60_000) },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: [...PURE, ...PROCESSES, 'test/bench/**'],
          testTimeout: atMost(30_000),
          hookTimeout: atMost(60_000),
          globalSetup: ['./test/support/cluster.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: PROCESSES,
          testTimeout: atMost(120_000),
          hookTimeout: atMost(120_000),
          globalSetup: ['./test/support/cluster.ts', './test/support/build.ts'],
        },
      },
    ],
  },
})
