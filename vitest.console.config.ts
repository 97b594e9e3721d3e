import { defineConfig } from 'vitest/config'
import { atMost } from './test/support/pace.js'

/** `npm run test:console`: the console in Debian's Chromium against real servers, one file after the other. */
export default defineConfig({
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/console/**/*.console.ts'],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: atMost(120_000),
    hookTimeout: atMost(180_000),
    globalSetup: ['./test/support/build.ts', './test/support/cluster.ts'],
    setupFiles: ['./test/support/every-file.ts'],
  },
})
