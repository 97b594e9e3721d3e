import { defineConfig } from 'vitest/config'
import { atMost } from './test/support/pace.js'

/** `npm run test:watch`: the six guarantees against real processes, minutes long and one scenario at a time. */
export default defineConfig({
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    name: 'watch',
    include: ['test/watch/**/*.watch.ts'],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: atMost(240_000),
    hookTimeout: atMost(120_000),
    globalSetup: ['./test/support/build.ts', './test/support/cluster.ts'],
  },
})
