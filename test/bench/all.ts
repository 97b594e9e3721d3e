import { spawnSync } from 'node:child_process'

/** `npm run bench`: every benchmark after the other, each with its yardstick; each refreshes its figures in docs/benchmarks.md. */
const NAMES = [
  'mutations',
  'profile',
  'list',
  'growth',
  'watch',
  'steps',
  'python',
  'workers',
  'starts',
  'search',
  'tools',
  'wal',
  'start',
  'templates',
]

const failed = NAMES.filter((name) => {
  console.info(`\n== bench:${name}`)
  return spawnSync('npm', ['run', '--silent', `bench:${name}`], { stdio: 'inherit' }).status !== 0
})
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`)
  process.exitCode = 1
}
