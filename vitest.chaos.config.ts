import { defineConfig } from 'vitest/config'
import { atMost } from './test/support/pace.js'

/** `npm run test:chaos`: real processes, a PostgreSQL and a NATS that die, one scenario at a time. Below 4 minutes. */
export default defineConfig({
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    name: 'chaos',
    include: ['test/chaos/**/*.chaos.ts'],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: atMost(120_000),
    hookTimeout: atMost(60_000),
    setupFiles: ['./test/support/every-file.ts'],
    globalSetup: ['./test/support/build.ts'],
  },
})
