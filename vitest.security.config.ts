import { defineConfig } from 'vitest/config'
import { atMost } from './test/support/pace.js'

/**
 * `npm run test:security`: what docs/security.md promises, attacked. The suites of `npm test` that belong to it are named here
 * by their paths; beside them `*.security.ts`, which take the machine for themselves.
 */
export default defineConfig({
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    name: 'security',
    include: [
      'test/access/**/*.test.ts',
      'test/security/**/*.test.ts',
      'test/security/**/*.security.ts',
      'test/e2e/origin-check.test.ts',
      'test/server/origin-check.test.ts',
      'test/graphql/websocket.test.ts',
      'test/tools/address-policy.test.ts',
      'test/tools/ssrf.test.ts',
      'test/tools/rebinding.test.ts',
      'test/tools/python-sandbox.test.ts',
      'test/tools/python-warm.test.ts',
      'test/tools/product-database.test.ts',
      'test/**/{sensitive,secrets,canary}*.test.ts',
    ],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: atMost(120_000),
    hookTimeout: atMost(120_000),
    setupFiles: ['./test/support/every-file.ts'],
    globalSetup: ['./test/support/build.ts', './test/support/cluster.ts'],
  },
})
